"""What a hand has changed is found by a refresh that writes nothing; what controllers write never is.

The rows of docs/drift.md, each by its name.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.lab.kubectl import ISTIO_SYSTEM, kubectl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab


class Place(NamedTuple):
    """An object of the deployed stack."""

    kind: str
    namespace: str
    name: str


Edit = tuple[Place, "Callable[[dict[str, Any]], object]"]


def by_hand(stack: Settings) -> dict[str, Edit]:
    """What a person changes who has a reason and no time."""
    return rules_by_hand(stack) | traffic_by_hand(stack)


def rules_by_hand(stack: Settings) -> dict[str, Edit]:
    gateway, apps = stack.gateways["public"], stack.apps["chatgpt-mcp"].namespace
    home, mcp = gateway.home, "chatgpt-mcp"

    return {
        "plaintext is let in": (
            Place("PeerAuthentication", ISTIO_SYSTEM, "default"),
            lambda it: it["spec"]["mtls"].update(mode="PERMISSIVE"),
        ),
        "a caller is added": (
            Place("AuthorizationPolicy", apps, f"{mcp}-callers"),
            lambda it: it["spec"]["rules"].append({"from": [{"source": {"namespaces": ["debug"]}}]}),
        ),
        "a way around the tokens": (
            Place("AuthorizationPolicy", home, f"{mcp}-edge"),
            lambda it: (
                it["spec"]["rules"][0]
                .setdefault("when", [])
                .append({"key": "request.headers[x-debug]", "notValues": ["1"]})
            ),
        ),
        "tokens of another issuer": (
            Place("RequestAuthentication", home, "public-tokens"),
            lambda it: it["spec"]["jwtRules"][0].update(issuer="https://elsewhere.example.com"),
        ),
        "an old TLS version": (
            Place("Gateway", home, "public"),
            lambda it: next(one for one in it["spec"]["servers"] if "tls" in one)["tls"].update(
                minProtocolVersion="TLSV1_0"
            ),
        ),
    }


def traffic_by_hand(stack: Settings) -> dict[str, Edit]:
    gateway, apps = stack.gateways["public"], stack.apps["chatgpt-mcp"].namespace
    home, release = gateway.home, gateway.release_name

    return {
        "the retries of a route": (
            Place("VirtualService", apps, "chatgpt-mcp"),
            lambda it: next(one for one in it["spec"]["http"] if "retries" in one)["retries"].update(attempts=9),
        ),
        "the ejection of pods": (
            Place("DestinationRule", apps, "chatgpt-mcp"),
            lambda it: it["spec"]["trafficPolicy"].pop("outlierDetection"),
        ),
        "a limit is lifted": (
            Place("EnvoyFilter", home, "public-rate-limits"),
            lambda it: it["spec"]["configPatches"].pop(),
        ),
        "a host is reached from everywhere": (
            Place("Sidecar", ISTIO_SYSTEM, "default"),
            lambda it: it["spec"]["egress"][0]["hosts"].append("istio-ingress/*"),
        ),
        "less is traced": (
            Place("Telemetry", ISTIO_SYSTEM, "mesh-default"),
            lambda it: it["spec"]["tracing"][0].update(randomSamplingPercentage=0),
        ),
        "the settings of the mesh": (
            Place("ConfigMap", ISTIO_SYSTEM, "istio"),
            lambda it: it["data"].update(mesh=it["data"]["mesh"] + "\n# by hand\n"),
        ),
        "a gateway's port": (
            Place("Service", home, release),
            lambda it: it["spec"]["ports"][0].update(port=8081),
        ),
    }


def by_controllers(stack: Settings) -> dict[str, tuple[str, ...]]:
    """kubectl's words for what is written by those whose work it is."""
    gateway, namespace = stack.gateways["public"], stack.apps["chatgpt-mcp"].namespace
    home, release = f"--namespace={gateway.home}", gateway.release_name
    apps = f"--namespace={namespace}"
    finalizer = '{"metadata": {"finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}}'
    condition = '{"status": {"conditions": [{"type": "Reconciled", "status": "True"}]}}'
    return {
        "an annotation of a controller": (
            "annotate",
            "gateways.networking.istio.io/public",
            "example.com/seen=1",
            home,
        ),
        "a label of another team": ("label", f"namespace/{namespace}", "example.com/cost=shared"),
        "a finalizer of the load balancer's": (
            "patch",
            f"service/{release}",
            "--type=merge",
            f"--patch={finalizer}",
            home,
        ),
        "a status": (
            "patch",
            "virtualservices.networking.istio.io/chatgpt-mcp",
            "--subresource=status",
            "--type=merge",
            f"--patch={condition}",
            apps,
        ),
        "a field that the stack leaves open": (
            "patch",
            f"deployment/{release}",
            "--type=merge",
            '--patch={"spec": {"progressDeadlineSeconds": 599}}',
            home,
        ),
        "an object that the stack does not know": ("create", "configmap", "by-hand", "--from-literal=a=b", apps),
    }


@contextlib.contextmanager
def written_by_controllers(lab: RunningLab) -> Iterator[None]:
    gateway = lab.stack.gateways["public"]
    home, release = f"--namespace={gateway.home}", gateway.release_name
    before = kubectl(lab, "get", f"deployment/{release}", home, "--output=jsonpath={.spec.progressDeadlineSeconds}")
    deadline = f'{{"spec": {{"progressDeadlineSeconds": {before}}}}}'
    try:
        for words in by_controllers(lab.stack).values():
            kubectl(lab, *words)
        yield
    finally:
        kubectl(lab, "annotate", "gateways.networking.istio.io/public", "example.com/seen-", home)
        kubectl(lab, "label", f"namespace/{lab.namespace}", "example.com/cost-")
        kubectl(lab, "patch", f"service/{release}", "--type=merge", '--patch={"metadata": {"finalizers": null}}', home)
        kubectl(lab, "patch", f"deployment/{release}", "--type=merge", f"--patch={deadline}", home)
        kubectl(lab, "delete", "configmap", "by-hand", f"--namespace={lab.namespace}", "--ignore-not-found")


def differing(lab: RunningLab, directory: Path) -> set[Place]:
    """The objects that a refresh would write anew into the state, of which it writes none."""
    log = directory / "events.json"
    done = lab.pulumi("refresh", "--preview-only", f"--event-log={log}", environment={"PULUMI_DEBUG_COMMANDS": "true"})
    assert done.returncode == 0, done.stdout
    found: set[Place] = set()
    for event in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
        told = event.get("resOutputsEvent", {}).get("metadata", {})
        if told.get("op") in ("update", "delete"):
            inputs = told["old"]["inputs"]
            metadata = inputs["metadata"]
            found.add(Place(inputs["kind"], metadata.get("namespace", ""), metadata["name"]))
    return found


def test_whatever_a_hand_has_changed_is_found_and_nothing_else(lab: RunningLab, tmp_path: Path) -> None:
    edits = by_hand(lab.stack)
    with contextlib.ExitStack() as changed:
        for place, edit in edits.values():
            changed.enter_context(lab.objects.edited(*place, edit))
        found = differing(lab, tmp_path)
    assert found == {place for place, _ in edits.values()}


def test_what_was_deleted_by_hand_is_found(lab: RunningLab, tmp_path: Path) -> None:
    gone = Place("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers")
    with lab.objects.without(*gone):
        assert differing(lab, tmp_path) == {gone}


def test_what_controllers_write_is_not(lab: RunningLab, tmp_path: Path) -> None:
    with written_by_controllers(lab):
        assert not differing(lab, tmp_path)
