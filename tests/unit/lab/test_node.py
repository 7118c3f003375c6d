"""Configuration of container runtime, pod network and kubelet: the settings without which no pod starts."""

from __future__ import annotations

import tomllib
from pathlib import Path

from lab import cgroups, network
from lab.node import PAUSE_IMAGE, containerd_config, kubelet_config, pod_network_config
from lab.state import State

STATE = State(Path("/var/lib/lab"))


def test_everything_of_containerd_is_below_the_state_directory() -> None:
    config = tomllib.loads(containerd_config(STATE))
    places = (config["root"], config["state"], config["grpc"]["address"])
    assert all(place.startswith("/var/lib/lab/containerd/") for place in places)
    assert config["plugins"]["io.containerd.internal.v1.opt"]["path"].startswith("/var/lib/lab/")


def test_pods_start_without_cap_sys_resource_and_their_namespaces_are_found_again() -> None:
    cri = tomllib.loads(containerd_config(STATE))["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["sandbox_image"] == PAUSE_IMAGE
    assert cri["cni"]["conf_dir"] == "/var/lib/lab/cni/conf"


def test_pods_get_addresses_of_the_bridges_network_and_reach_their_own_service() -> None:
    bridge, portmap = pod_network_config(STATE)["plugins"]
    assert bridge["bridge"] == network.BRIDGE
    assert bridge["hairpinMode"] is True
    assert bridge["ipam"]["ranges"] == [[{"subnet": network.POD_NETWORK, "gateway": network.NODE_ADDRESS}]]
    assert bridge["ipam"]["dataDir"].startswith("/var/lib/lab/")
    assert portmap["type"] == "portmap"


def test_the_kubelet_asks_who_calls_and_keeps_its_groups_below_the_labs() -> None:
    config = kubelet_config(STATE, Path("/ca.crt"), Path("/tls.crt"), Path("/tls.key"))
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["readOnlyPort"] == 0
    assert config["cgroupRoot"] == cgroups.ROOT
    assert config["clusterDNS"] == [network.DNS_ADDRESS]


def test_the_kubelet_bears_cgroups_of_version_1_and_a_full_disk() -> None:
    config = kubelet_config(STATE, Path("/ca.crt"), Path("/tls.crt"), Path("/tls.key"))
    assert config["failCgroupV1"] is False
    assert set(config["evictionHard"].values()) == {"0%"}
    assert config["imageGCHighThresholdPercent"] == 100
