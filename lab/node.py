"""The node: container runtime, pod network, kubelet and kube-proxy, with the configuration files they read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from lab import kubeconfig, network, pki
from lab.cgroups import ROOT as CGROUP_ROOT
from lab.debian import CNI_PLUGINS, SYSTEM_PATH, command
from lab.processes import Process

if TYPE_CHECKING:
    from pathlib import Path

    from lab.state import State
    from lab.toolchain import Toolchain

CONTAINERD = "containerd"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"

PAUSE_IMAGE = "docker.io/chatgpt-mesh-lab/pause:lab"


def containerd_socket(state: State) -> Path:
    return state.containerd / "containerd.sock"


def containerd(state: State) -> Process:
    """containerd with directories and a socket of its own, beside whatever else runs on the machine."""
    config = _write(state.config / "containerd.toml", containerd_config(state))
    return Process(
        CONTAINERD,
        (command("containerd"), "--config", str(config)),
        environment={"PATH": SYSTEM_PATH},
        inputs=(config, *_write_pod_network(state)),
    )


def containerd_config(state: State) -> str:
    """Version 2 of containerd's configuration, which 1.6 and later read."""
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{state.containerd}/root"
state = "{state.containerd}/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "{containerd_socket(state)}"

[plugins."io.containerd.internal.v1.opt"]
path = "{state.containerd}/opt"

{cri}]
sandbox_image = "{PAUSE_IMAGE}"
# without CAP_SYS_RESOURCE (most virtual machines for development) runc may not lower a pod's OOM score, and no pod
# starts
restrict_oom_score_adj = true
# network namespaces below our own directory, so that `down` knows which are the lab's
netns_mounts_under_state_dir = true

{cri}.cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{state.cni}/conf"

{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def pod_network_config(state: State) -> dict[str, Any]:
    """CNI: a bridge, addresses from one range, masquerading for what leaves the pods' network, and host ports."""
    return {
        "cniVersion": "1.0.0",
        "name": network.CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": network.BRIDGE,
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,  # a pod that calls its own Service comes back through the same port of the bridge
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(state.cni / "leases"),
                    "ranges": [[{"subnet": network.POD_NETWORK, "gateway": network.NODE_ADDRESS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(state: State, toolchain: Toolchain) -> Process:
    authority = pki.cluster_authority(state.pki)
    serving_certificate, serving_key = authority.issue(
        "kubelet", "kubelet", names=(network.NODE_ADDRESS, network.NODE_NAME)
    )
    certificate, key = authority.issue(
        "kubelet-client", f"system:node:{network.NODE_NAME}", organizations=("system:nodes",)
    )
    credentials = kubeconfig.write(
        state.config / "kubelet.kubeconfig", "kubelet", authority.certificate, certificate, key
    )
    settings = kubelet_config(state, authority.certificate, serving_certificate, serving_key)
    config = _write(state.config / "kubelet.yaml", yaml.safe_dump(settings, sort_keys=False))
    return Process(
        KUBELET,
        (
            str(toolchain.path("kubelet")),
            f"--config={config}",
            f"--kubeconfig={credentials}",
            f"--root-dir={state.kubelet}",
            f"--cert-dir={state.kubelet}/pki",
            f"--hostname-override={network.NODE_NAME}",
            f"--node-ip={network.NODE_ADDRESS}",
        ),
        environment={"PATH": SYSTEM_PATH},
        inputs=(config, credentials),
    )


def kubelet_config(state: State, authority: Path, certificate: Path, key: Path) -> dict[str, Any]:
    """KubeletConfiguration, https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.NODE_ADDRESS,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "readOnlyPort": 0,
        "containerRuntimeEndpoint": f"unix://{containerd_socket(state)}",
        "podLogsDir": str(state.logs / "pods"),
        "volumePluginDir": str(state.kubelet / "volume-plugins"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [network.DNS_ADDRESS],
        "resolvConf": "/etc/resolv.conf",
        # every cgroup of the lab is below one of its own, so that `down` knows which are the lab's
        "cgroupRoot": CGROUP_ROOT,
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        # the machine's disk is also the developer's: the lab neither evicts pods nor drops images because it is full
        "evictionHard": {
            "nodefs.available": "0%",
            "imagefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.inodesFree": "0%",
            "memory.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        # how soon a changed ConfigMap or Secret is seen by the pods that mount it
        "syncFrequency": "5s",
        "logging": {"verbosity": 1},
        "shutdownGracePeriod": "0s",
    }


def kube_proxy(state: State, toolchain: Toolchain) -> Process:
    authority = pki.cluster_authority(state.pki)
    certificate, key = authority.issue(KUBE_PROXY, "system:kube-proxy")
    credentials = kubeconfig.write(
        state.config / "kube-proxy.kubeconfig", KUBE_PROXY, authority.certificate, certificate, key
    )
    return Process(
        KUBE_PROXY,
        (
            str(toolchain.path("kube-proxy")),
            f"--kubeconfig={credentials}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={network.POD_NETWORK}",
            f"--hostname-override={network.NODE_NAME}",
            "--healthz-bind-address=127.0.0.1:10256",
            "--metrics-bind-address=127.0.0.1:10249",
            "--iptables-min-sync-period=100ms",
            "--nodeport-addresses=primary",
        ),
        environment={"PATH": SYSTEM_PATH},
        inputs=(credentials,),
    )


def _write_pod_network(state: State) -> tuple[Path, ...]:
    (state.cni / "conf").mkdir(parents=True, exist_ok=True)
    return (_write(state.cni / "conf" / "10-lab.conflist", json.dumps(pod_network_config(state), indent=2)),)


def _write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path
