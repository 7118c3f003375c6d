"""What a GKE stack is refused for, in the words that its author reads, and nothing else with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.components.kubernetes_versions import credentials_present, version_problems
from chatgpt_mesh.components.specs import platform
from tests.unit.components.gke_stack import TODAY, load, sentences

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


def test_the_sound_stack_is_sound(tmp_path: Path) -> None:
    assert sentences(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        ({"project": None}, "project: is required with cluster.kind gke: the id of the Google Cloud project"),
        ({"network": None}, "network: is required with cluster.kind gke: region, zones and ranges"),
        (
            {"cluster/labels": {"Team": "chatgpt"}},
            "cluster.labels.Team: must be a label's key of Google Cloud: lower-case letters, digits, '-' and '_'",
        ),
        (
            {"cluster/labels": {"team": "Chat GPT"}},
            "cluster.labels.team: must be a label's value of Google Cloud: lower-case letters, digits, '-' and '_'",
        ),
        (
            {"cluster/name": "c" * 40, "gateways": {"g" * 30: {"kind": "public"}}},
            f"gateways.{'g' * 30}: has a reserved address named {'c' * 40}-{'g' * 30}, and Google takes 63 characters",
        ),
        (
            {"cluster/security": {"groups_domain": "gke-security-groups@acme.example"}},
            "cluster.security.groups_domain: must be a domain in lower case",
        ),
        ({"cluster/security": {"secrets_key": "my-key"}}, "cluster.security.secrets_key: must be a Cloud KMS key"),
        (
            {"cluster/pools/mesh/taints": [{"key": "a b", "value": "c"}]},
            "cluster.pools.mesh.taints[0].key: must be a key of Kubernetes labels",
        ),
        (
            {"cluster/maintenance": {"exclusions": {"a": {"from": "2030-01-01", "until": "2030-01-20"}}}},
            "cluster.maintenance.exclusions.a.until: is years away",
        ),
        (
            {"cluster/backup": {"schedule": "15 25 * * *"}},
            "cluster.backup.schedule: is no cron line: '25' must be a number from 0 to 23",
        ),
        (
            {
                "apps": {"a": {"namespace": "a"}},
                "egress": {
                    "via": "sidecar",
                    "allow": [{"address": "10.5.0.9", "port": 5432, "protocol": "tcp", "from": ["a"]}],
                },
            },
            "egress.allow[0].address: is of network.pods, inside the cluster, where addresses come and go",
        ),
        (
            {"namespaces": {"apps": {"editors": ["chatgpt"]}}},
            "namespaces.apps.editors[0]: is no mail address of a group",
        ),
        ({"project": "Acme"}, "project: must be the id of a Google Cloud project"),
        (
            {"network/services": "10.4.0.0/20"},
            "network.services: overlaps network.pods, which is 10.4.0.0/14; give each a range of its own, such as "
            "10.0.16.0/20 (given: '10.4.0.0/20')",
        ),
        (
            {"network/pods": "10.4.0.0/21", "cluster/pools/mesh/nodes": {"min": 3, "max": 20}},
            "network.pods: has 2048 addresses, and the pools take 2688 when all nodes are there (mesh 21 x 128); take "
            "a /20, fewer nodes, or a lower max_pods_per_node",
        ),
        (
            {"network/nodes": "10.0.0.0/29", "network/pods": "10.4.0.0/20"},
            "network.nodes: has 4 usable addresses, and nodes and internal load balancers take 10; take a /28",
        ),
        ({"network/control_plane": "10.8.16.0/24"}, "network.control_plane: must be a /28"),
        ({"network/nodes": "169.254.0.0/20"}, "network.nodes: overlaps 169.254.0.0/16 (link-local"),
        (
            {"network/nodes": "172.17.0.0/20"},
            "network.nodes: overlaps 172.17.0.0/16, the bridge of the container runtime",
        ),
        ({"network/pods": "2001:db8::/64"}, "network.pods: must be an IPv4 range"),
        ({"network/pods": "10.0.0.0/24"}, "network.pods: must be between /9 and /21"),
        ({"network/zones": ["europe-west1-b"]}, "network: zones names europe-west1-b, which is not in the region"),
        ({"network/nat": {"min_ports": 100}}, "network.nat: min_ports must be a power of two"),
        ({"network/nat": {"min_ports": 4096}}, "network.nat: max_ports must be above min_ports, which is 4096"),
        ({"network/nat": {"addresses": 1, "drain": [0]}}, "network.nat: drain names every address"),
        (
            {"cluster/access": {"ip": {"authorized": {"anybody": "0.0.0.0/0"}}}},
            "cluster.access.ip.authorized.anybody: lets the whole internet reach the API server of a production stack",
        ),
        (
            {"cluster/access": {"dns": {}, "ip": {"authorized": {}}}},
            "cluster.access: dns and ip are both given; an API server has one of the two endpoints here: remove one",
        ),
        (
            {"cluster/release_channel": "fast"},
            "cluster.release_channel: must be 'rapid', 'regular', 'stable' or 'extended' (given: 'fast')",
        ),
        (
            {"cluster/pools/mesh/machine_type": "e2-small"},
            "cluster.pools.mesh.machine_type: has one processor or a part of one, and istiod with its neighbours "
            "needs more",
        ),
        ({"cluster/pools/mesh/machine_type": "n1-standard-1"}, "cluster.pools.mesh.machine_type: has one processor"),
        (
            {"cluster/pools/mesh/taints": [{"key": "dedicated", "value": "x"}]},
            "cluster.pools: are all tainted with NoSchedule or NoExecute",
        ),
        ({"cluster/pools/mesh/spot": True}, "cluster.pools: that take istiod are all spot machines"),
        (
            {"cluster/pools/mesh/upgrade": {"max_surge": 0}},
            "cluster.pools.mesh.upgrade: max_surge and max_unavailable are both 0",
        ),
        ({"cluster/pools/mesh/nodes": {"min": 5, "max": 3}}, "cluster.pools.mesh.nodes: max must be at least min"),
        ({"cluster/pools/mesh/zones": ["us-central1-f"]}, "cluster.pools.mesh.zones: names us-central1-f"),
        (
            {"cluster/pools/mesh/drain": {"grac": "5m"}},
            "cluster.pools.mesh.drain.grac: is not a setting; did you mean `grace`?",
        ),
        (
            {"cluster/mode": "autopilot"},
            "cluster.mode: autopilot forbids the host paths and capabilities that Istio's CNI plugin needs",
        ),
        ({"istio/cni": False}, "istio.cni: must be true on GKE"),
        ({"istio/data_plane": "ambient"}, "istio.data_plane: ambient is not offered on GKE: Dataplane V2"),
        (
            {"istio/version": "1.30.3"},
            "istio.version: must be 1.30.4 or newer: before, the CNI plugin and the pods of a",
        ),
        ({"istio/version": "1.27.9"}, "istio.version: must be 1.29.7 or newer"),
        (
            {"istio/version": "1.99.0"},
            "istio.version: is not known here: which Kubernetes Istio 1.99 runs on is not written down; take 1.29 to",
        ),
        (
            {"istio/version": "1.31.4", "cluster/minimum_version": "1.30"},
            "cluster.minimum_version: is Kubernetes 1.30, and Istio 1.31.4 runs on 1.32 to 1.36; change one of the two",
        ),
        (
            {"cluster/maintenance": {"exclusions": {"launch": {"from": "2026-11-01", "until": "2026-11-20"}}}},
            "cluster.maintenance.exclusions.launch.until: is past (today is 2026-11-24)",
        ),
        (
            {"cluster/maintenance": {"exclusions": {"launch": {"from": "2026-12-01", "until": "2026-11-30"}}}},
            "cluster.maintenance.exclusions.launch: until must not be before from",
        ),
        (
            {"cluster/maintenance": {"window": {"days": ["tue"]}}},
            "cluster.maintenance.window: leaves 16 hours in 32 days, and GKE asks for 48 or more",
        ),
        (
            {"cluster/identity": {"apps": {"mcp": ["roles/editor"]}}},
            "cluster.identity: apps.mcp has roles/editor, which is a basic role over everything",
        ),
        (
            {"cluster/identity": {"apps": {"mcp": ["roles/storage.objectViewer"]}}},
            "cluster.identity.apps.mcp: is no app",
        ),
        (
            {"cluster/security": {"secrets_key": "projects/acme-keys/locations/l/keyRings/r/cryptoKeys/k"}},
            "cluster.security.secrets_key: needs project_number",
        ),
        ({"cluster/observability": {"logs": ["WORKLOADS"]}}, "cluster.observability: logs must hold SYSTEM_COMPONENTS"),
        (
            {"gateways": {"public": {"kind": "public", "workload": {"node_selector": {"pool": "edge"}}}}},
            "gateways.public.workload.node_selector: asks for nodes with pool=edge, and no pool of cluster.pools has "
            "them",
        ),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, changes: dict[str, Any], beginning: str) -> None:
    told = sentences(tmp_path, changes)
    assert any(sentence.startswith(beginning) for sentence in told), told


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    told = sentences(
        tmp_path,
        {
            "project": None,
            "network/services": "10.4.0.0/20",
            "cluster/mode": "autopilot",
            "cluster/pools/mesh/machine_type": "e2-micro",
            "cluster/access": {"ip": {"authorized": {"anybody": "0.0.0.0/0"}}},
            "cluster/maintenance": {"exclusions": {"launch": {"from": "2026-11-01", "until": "2026-11-20"}}},
        },
    )
    assert sorted(sentence.split(":")[0] for sentence in told) == [
        "cluster.access.ip.authorized.anybody",
        "cluster.maintenance.exclusions.launch.until",
        "cluster.mode",
        "cluster.pools.mesh.machine_type",
        "network.services",
        "project",
    ]


def test_a_dedicated_pool_takes_a_gateway_that_tolerates_its_taint(tmp_path: Path) -> None:
    edge = {
        "machine_type": "e2-small",
        "nodes": {"min": 1, "max": 3},
        "labels": {"pool": "edge"},
        "taints": [{"key": "dedicated", "value": "istio-gateway"}],
    }
    gateway: dict[str, Any] = {"kind": "public", "workload": {"node_selector": {"pool": "edge"}}}
    stack = {"cluster/pools/edge": edge, "gateways": {"public": gateway}}
    assert [sentence.split(":")[0] for sentence in sentences(tmp_path, stack)] == [
        "gateways.public.workload.tolerations"
    ]
    gateway["workload"]["tolerations"] = [{"key": "dedicated", "value": "istio-gateway", "effect": "NoSchedule"}]
    assert sentences(tmp_path, stack) == []


def test_an_internal_load_balancer_takes_an_address_of_the_nodes(tmp_path: Path) -> None:
    tight = {
        "network/nodes": "10.0.0.0/28",
        "cluster/pools/mesh/nodes": {"min": 3, "max": 11},
    }
    assert sentences(tmp_path, tight) == []
    with_gateway = {**tight, "gateways": {"internal": {"kind": "internal"}}}
    assert any(sentence.startswith("network.nodes: has 12 usable") for sentence in sentences(tmp_path, with_gateway))


def test_public_ranges_and_ending_exclusions_are_warned_of(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        {
            "network/pods": "44.0.0.0/14",
            "cluster/maintenance": {"exclusions": {"launch": {"from": "2026-11-20", "until": "2026-12-01"}}},
        },
    )
    assert [str(warning).split(":")[0] for warning in loaded.warnings(TODAY)] == [
        "network.pods",
        "cluster.maintenance.exclusions.launch",
    ]


def test_staging_may_open_its_api_server(tmp_path: Path) -> None:
    changes = {"faults_allowed": True, "cluster/access": {"ip": {"authorized": {"anybody": "0.0.0.0/0"}}}}
    assert sentences(tmp_path, changes) == []


def test_another_kind_of_cluster_is_not_judged() -> None:
    assert list(platform.problems({}, frozenset(), TODAY)) == []


class TestOfferedVersions:
    def test_what_istio_runs_on_is_fine(self, tmp_path: Path) -> None:
        loaded = load(tmp_path, {"cluster/minimum_version": "1.35"})
        offered = ["1.34.1-gke.100", "1.35.2-gke.1000"]
        assert self.told(loaded, channel_default="1.35.2-gke.1000", offered=offered) == []

    def test_a_channel_ahead_of_istio_is_refused(self, tmp_path: Path) -> None:
        loaded = load(tmp_path, {"istio/version": "1.31.4"})
        told = self.told(loaded, channel_default="1.37.1-gke.100", offered=["1.37.1-gke.100"])
        assert told == [
            "cluster.release_channel: is Kubernetes 1.37.1-gke.100, and Istio 1.31.4 runs on 1.32 to 1.36; change one "
            "of the two (given: '1.37.1-gke.100')"
        ]

    def test_a_floor_that_is_not_offered_is_refused(self, tmp_path: Path) -> None:
        loaded = load(tmp_path, {"cluster/minimum_version": "1.36"})
        (sentence,) = self.told(loaded, channel_default=None, offered=["1.35.2-gke.1000"])
        assert sentence.startswith(
            "cluster.minimum_version: is not offered by GKE in this region; the newest is 1.35.2"
        )

    @staticmethod
    def told(loaded: Any, *, channel_default: str | None, offered: list[str]) -> list[str]:
        found = version_problems(loaded.cluster, loaded.istio, channel_default=channel_default, offered=offered)
        return [str(problem) for problem in found]

    def test_only_with_credentials_is_google_asked(self, tmp_path: Path) -> None:
        assert not credentials_present({"HOME": str(tmp_path)})
        assert credentials_present({"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "/key.json"})
        login = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
        login.parent.mkdir(parents=True)
        login.write_text("{}", encoding="utf-8")
        assert credentials_present({"HOME": str(tmp_path)})
