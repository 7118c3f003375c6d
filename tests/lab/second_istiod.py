"""An istiod beside the lab's own that serves nobody: it reads another cluster by a remote secret, as the one of a real
mesh does. The other cluster is this one under another name, and the reader's rights are the product's."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from kubernetes import client as kubernetes_client

from chatgpt_mesh.components.other_cluster import READER, reader_manifests, remote_kubeconfig
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from tests.lab.running_lab import RunningLab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OTHER = "other"
_NAME = "second-istiod"
_SERVER = "https://kubernetes.default.svc"
_DEBUG_PORT = 8080
_KUBECONFIGS = "/var/run/remote-clusters"


@contextlib.contextmanager
def reader(lab: RunningLab, *, without: str | None = None) -> Iterator[None]:
    """The account by which another cluster's istiod reads this one, and its kubeconfig, in a Secret that the lab's own
    istiod does not look for. `without` takes the right to read a kind away."""
    token = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": READER,
            "namespace": ROOT_NAMESPACE,
            "annotations": {"kubernetes.io/service-account.name": READER},
        },
        "type": "kubernetes.io/service-account-token",
    }
    manifests = [_without(without, one) if one["kind"] == "ClusterRole" else one for one in reader_manifests()]
    with lab.objects.with_added(*manifests, token):

        def data() -> Mapping[str, str]:
            return lab.core.read_namespaced_secret(READER, ROOT_NAMESPACE).data or {}

        eventually(lambda: "token" in data(), within=20, what="the token is there")
        kubeconfig = remote_kubeconfig(OTHER, _SERVER, data(), own_authority=True)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": _NAME, "namespace": ROOT_NAMESPACE},
            "stringData": {f"{OTHER}.yaml": kubeconfig},
        }
        with lab.objects.with_added(secret):
            yield


def _without(kind: str | None, role: dict[str, Any]) -> dict[str, Any]:
    rules = [{**rule, "resources": [one for one in rule["resources"] if one != kind]} for rule in role["rules"]]
    return {**role, "rules": rules}


@contextlib.contextmanager
def second_istiod(lab: RunningLab) -> Iterator[None]:
    """It runs, as the lab's own does, and reads clusters by those kubeconfigs."""
    spec = lab.objects.get("Deployment", ROOT_NAMESPACE, "istiod")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    container = {
        **{name: container[name] for name in ("name", "image", "imagePullPolicy", "securityContext", "args")},
        "env": [*container["env"], {"name": "PILOT_MULTICLUSTER_KUBECONFIG_PATH", "value": _KUBECONFIGS}],
        "volumeMounts": [*container["volumeMounts"], {"name": "remote", "mountPath": _KUBECONFIGS}],
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}},
    }
    kept = ("serviceAccountName", "securityContext")
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME, "namespace": ROOT_NAMESPACE, "labels": {"app": _NAME}},
        "spec": {
            **{name: spec[name] for name in kept if spec.get(name)},
            "volumes": [*spec["volumes"], {"name": "remote", "secret": {"secretName": _NAME}}],
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
        },
    }
    with lab.objects.with_added(pod):
        eventually(lambda: bool(lab.pods(ROOT_NAMESPACE, f"app={_NAME}")), within=60, what="it runs")
        yield


def clusters(lab: RunningLab) -> dict[str, str]:
    """Cluster -> whether it has read it: `synced`, `syncing`, `timeout`."""
    try:
        found = lab.api.ask(ROOT_NAMESPACE, _NAME, _DEBUG_PORT, "/debug/clusterz")
    except Exception:  # it has just been started
        return {}
    return {one["id"]: one["syncStatus"] for one in json.loads(found) or []}


def may(lab: RunningLab, verb: str, resource: str) -> bool:
    """Whether the reader may do that in the namespace of the lab's app."""
    attributes = {"namespace": lab.namespace, "verb": verb, "resource": resource}
    review = {"spec": {"user": f"system:serviceaccount:{ROOT_NAMESPACE}:{READER}", "resourceAttributes": attributes}}
    api: Any = kubernetes_client.AuthorizationV1Api(lab.core.api_client)
    return bool(api.create_subject_access_review(review).status.allowed)
