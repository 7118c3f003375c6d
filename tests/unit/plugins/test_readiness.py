"""When an object counts as ready, and what is said while it is not."""

from __future__ import annotations

import pytest

from lab.plugins.kubernetes.connection import Connection, KubeconfigChoice, UnreachableClusterError
from lab.plugins.kubernetes.discovery import Discovery
from lab.plugins.kubernetes.objects import Identity, Objects
from lab.plugins.kubernetes.readiness import Waiter
from lab.plugins.plugin import PluginError

pytestmark = pytest.mark.unit


class Cluster(Objects):
    """Objects as a test wants them."""

    def __init__(self, **lists: list[dict]) -> None:
        connection = Connection(KubeconfigChoice(), on_warning=print)
        super().__init__(connection, Discovery(connection))
        self.lists = lists
        self.live: list[dict | Exception | None] = []

    def list(self, api_version: str, kind: str, namespace: str, label_selector: str) -> list[dict]:
        return self.lists.get(kind, [])

    def get(self, identity: Identity) -> dict | None:
        live = self.live.pop(0) if len(self.live) > 1 else self.live[0]
        if isinstance(live, Exception):
            raise live
        return live


def readiness(manifest: dict, **lists: list[dict]):
    manifest = {"metadata": {"name": "x", "namespace": "ns", "generation": 2}, **manifest}
    return Waiter(Cluster(**lists)).readiness(manifest)


def deployment(replicas: int = 2, generation: int = 2, conditions: list | None = None, **status: int) -> dict:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}},
        "status": {"observedGeneration": generation, "conditions": conditions or [], **status},
    }


def test_a_deployment_is_ready_when_all_its_new_replicas_are_available_and_the_old_are_gone() -> None:
    assert readiness(deployment(replicas_=0, replicas=2, updatedReplicas=2, availableReplicas=2)).ready
    assert not readiness(deployment(updatedReplicas=2, availableReplicas=1)).ready
    assert not readiness(deployment(updatedReplicas=1, availableReplicas=2)).ready
    old_pods = deployment(updatedReplicas=2, availableReplicas=2)
    old_pods["status"]["replicas"] = 3
    assert not readiness(old_pods).ready
    assert not readiness(deployment(generation=1, updatedReplicas=2, availableReplicas=2)).ready


def test_a_deployment_past_its_deadline_is_hopeless() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}
    state = readiness(deployment(conditions=[condition]))
    assert state.hopeless
    assert "too slow" in state.reason


def test_a_workload_that_waits_says_what_its_pods_wait_for() -> None:
    pod = {
        "metadata": {"name": "x-1"},
        "status": {
            "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
            ]
        },
    }
    unscheduled = {
        "metadata": {"name": "x-2"},
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node fits"}]},
    }
    state = readiness(deployment(), Pod=[pod, unscheduled])
    assert "Pod x-1, container c: ImagePullBackOff: no such image" in state.reason
    assert "Pod x-2 is not scheduled: no node fits" in state.reason


def service(kind: str = "ClusterIP", ingress: list[dict] | None = None, /, **spec: object) -> dict:
    status = {"loadBalancer": {"ingress": ingress} if ingress else {}}
    return {"apiVersion": "v1", "kind": "Service", "spec": {"type": kind, **spec}, "status": status}


def test_a_service_waits_for_its_address_and_for_a_ready_endpoint() -> None:
    selector = {"selector": {"app": "a"}}
    ready, unready = (
        [{"endpoints": [{"conditions": {"ready": True}}]}],
        [{"endpoints": [{"conditions": {"ready": False}}]}],
    )
    assert readiness(service()).ready, "without a selector there is nothing to wait for"
    assert readiness(service(clusterIP="None", **selector)).ready
    assert readiness(service("ExternalName", **selector)).ready
    assert readiness(service(**selector), EndpointSlice=ready).ready
    assert not readiness(service(**selector), EndpointSlice=unready).ready
    assert "no ready Pod is behind the Service (app=a)" in readiness(service(**selector)).reason
    assert not readiness(service("LoadBalancer")).ready
    assert readiness(service("LoadBalancer", [{"ip": "1.2.3.4"}])).ready


def test_a_definition_waits_to_be_established_and_a_taken_name_is_hopeless() -> None:
    def crd(*conditions: dict) -> dict:
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "status": {"conditions": list(conditions)},
        }

    assert readiness(crd({"type": "Established", "status": "True"})).ready
    assert not readiness(crd()).ready
    assert readiness(crd({"type": "NamesAccepted", "status": "False", "message": "taken"})).hopeless


def test_a_job_is_ready_when_complete_and_hopeless_when_failed() -> None:
    def job(condition: str) -> dict:
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "status": {"conditions": [{"type": condition, "status": "True"}]},
        }

    assert readiness(job("Complete")).ready
    assert readiness(job("Failed")).hopeless
    assert not readiness(job("Suspended")).ready


def test_a_daemon_set_and_a_stateful_set_wait_for_their_pods() -> None:
    daemon_set = {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {}}
    full = {"observedGeneration": 2, "desiredNumberScheduled": 1, "numberAvailable": 1, "updatedNumberScheduled": 1}
    assert readiness({**daemon_set, "status": full}).ready
    assert not readiness({**daemon_set, "status": {**full, "updatedNumberScheduled": 0}}).ready
    stateful_set = {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 1}}
    full = {"observedGeneration": 2, "readyReplicas": 1, "updatedReplicas": 1}
    assert readiness({**stateful_set, "status": full}).ready
    assert not readiness({**stateful_set, "status": {**full, "readyReplicas": 0}}).ready


def test_other_kinds_are_ready_at_once() -> None:
    assert readiness({"apiVersion": "v1", "kind": "ConfigMap"}).ready


def test_waiting_ends_when_ready_when_cancelled_and_when_the_time_is_up() -> None:
    cluster = Cluster()
    waiting = {"metadata": {"name": "x", "namespace": "ns"}, **deployment(updatedReplicas=0)}
    ready = {"metadata": {"name": "x", "namespace": "ns"}, **deployment(updatedReplicas=2, availableReplicas=2)}
    said: list[str] = []
    cluster.live = [waiting, ready]
    live, reasons = Waiter(cluster).until_ready(waiting, 30, said.append)
    assert (live, reasons) == (ready, [])
    assert said == ["waiting: 0 of 2 replicas are available, 0 are up to date."]

    cluster.live = [waiting]
    _, reasons = Waiter(cluster).until_ready(waiting, 0.2, said.append)
    assert reasons == ["Deployment ns/x is not ready within 0 s: 0 of 2 replicas are available, 0 are up to date."]
    cluster.live = [UnreachableClusterError("restarting"), ready]
    assert Waiter(cluster).until_ready(waiting, 30, said.append) == (ready, []), "an API server may restart meanwhile"

    cluster.live = [waiting]
    waiter = Waiter(cluster)
    waiter.cancelled.set()
    _, reasons = waiter.until_ready(waiting, 30, said.append)
    assert "was stopped" in reasons[0]


def test_a_deletion_is_waited_for_until_the_object_or_its_name_is_another() -> None:
    cluster, identity = Cluster(), Identity("v1", "Namespace", "", "x")
    here = {"kind": "Namespace", "metadata": {"name": "x", "uid": "1"}}
    said: list[str] = []
    cluster.live = [here, UnreachableClusterError("restarting"), None]
    Waiter(cluster).until_gone(identity, "1", 30, said.append)
    cluster.live = [here, {"metadata": {"name": "x", "uid": "2"}}]
    Waiter(cluster).until_gone(identity, "1", 30, said.append)

    remaining = {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}
    terminating = {
        "kind": "Namespace",
        "metadata": {"name": "x", "uid": "1", "deletionTimestamp": "now"},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"conditions": [remaining]},
    }
    cluster.live = [terminating]
    with pytest.raises(PluginError) as told:
        Waiter(cluster).until_gone(identity, "1", 0.2, said.append)
    assert str(told.value) == (
        "Namespace x is still there after 0 s: pods. has 1 resource instances finalizers are left: kubernetes"
    )
