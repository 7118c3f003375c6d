"""B29: a workload that nobody declared is closed, also to those who may call others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.workloads.request import Request
from tests.lab.running_lab import Pod, RunningLab, eventually, fails, marked, new_id

NAME = "newcomer"


def newcomer(lab: RunningLab) -> list[dict[str, Any]]:
    """The MCP server once more, under a label that no policy names."""
    deployment = lab.objects.get("Deployment", lab.namespace, "chatgpt-mcp-v1")
    template = deployment["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "namespace": lab.namespace,
            "labels": {"app": NAME},
            "annotations": {key: value for key, value in template["metadata"]["annotations"].items() if "proxy" in key},
        },
        "spec": {**template["spec"], "serviceAccountName": "default", "terminationGracePeriodSeconds": 1},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": lab.namespace},
        "spec": {"selector": {"app": NAME}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]},
    }
    return [service, pod]


@pytest.fixture(scope="module", autouse=True)
def started(lab: RunningLab) -> Iterator[None]:
    with lab.objects.with_added(*newcomer(lab)):
        eventually(lambda: _ready(lab), within=90, what="the newcomer is ready")
        lab.objects.wait_synced()
        yield


def _ready(lab: RunningLab) -> bool:
    status = lab.core.read_namespaced_pod(NAME, lab.namespace).status
    return any(one.type == "Ready" and one.status == "True" for one in status.conditions or ())


def pods_of_newcomer(lab: RunningLab) -> Pod:
    return lab.pod(lab.namespace, NAME)


def check_closed(lab: RunningLab) -> None:
    """Asked by a pod whose own sidecar lets everything out."""
    for path in ("/health", "/mcp", "/metrics", "/"):
        test_id = new_id("newcomer")
        request = Request(url=f"http://{NAME}.{lab.namespace}.svc.cluster.local:8080{path}")
        (reply,) = lab.pod(lab.namespace, "chatgpt-batch").send(marked(request, test_id))
        assert reply.status == 403, f"{path}: {reply}"
        assert not pods_of_newcomer(lab).seen(test_id)


def test_a_new_workload_is_denied_to_everybody(lab: RunningLab) -> None:
    check_closed(lab)


def test_it_is_the_empty_policy_of_the_namespace_that_denies(lab: RunningLab) -> None:
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "allow-nothing"), fails():
        check_closed(lab)
