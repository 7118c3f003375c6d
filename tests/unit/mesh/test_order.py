"""What is written before a route, and goes after it: as much as the order of change needs, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import pytest
import yaml
from hypothesis import given

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from tests.benchmarks.build_mesh import declaration as many_apps
from tests.unit.mesh.stack import TODAY, mesh
from tests.unit.mesh.test_every_stack import EVERY_STACK, built
from tests.unit.random_stacks import meshes

Manifests = Mapping[str, dict[str, Any]]

OWN = "VirtualService/chatgpt-production/chatgpt-mcp"
GUARDS = ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "EnvoyFilter")


def manifests(mesh: Mesh) -> dict[str, dict[str, Any]]:
    return {owned.resource.key: owned.resource.to_dict() for owned in mesh.objects}


def before(mesh: Mesh, key: str) -> set[str]:
    """Everything that is there before a route, directly or through others."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        for needed in mesh.routes_need.get(waiting.pop(), ()):
            if needed not in found:
                found.add(needed)
                waiting.append(needed)
    return found


def destinations(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a VirtualService's spec."""
    for part in (*route.get("http", ()), *route.get("tls", ()), *route.get("tcp", ())):
        yield from (share["destination"] for share in part.get("route", ()))
        if "mirror" in part:
            yield part["mirror"]


def selects(guard: dict[str, Any], namespace: str, labels: Mapping[str, str]) -> bool:
    spec = guard.get("spec", {})
    selector = spec.get("selector", {}).get("matchLabels") or spec.get("workloadSelector", {}).get("labels") or {}
    return guard["metadata"]["namespace"] in (namespace, "istio-system") and selector.items() <= labels.items()


def guards_of(objects: Manifests, namespace: str, labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        key: found
        for key, found in objects.items()
        if key.startswith(GUARDS) and "istio.io" in found["apiVersion"] and selects(found, namespace, labels)
    }


def is_for_others(guard: dict[str, Any], route: dict[str, Any]) -> bool:
    """Whether what it names are hosts or routes, and none of this VirtualService."""
    spec = guard.get("spec", {})
    rules = spec.get("rules", ())
    hosts = {h for rule in rules for to in rule.get("to", ()) for h in to["operation"].get("hosts", ())}
    names = {
        patch["match"]["routeConfiguration"]["vhost"]["route"]["name"]
        for patch in spec.get("configPatches", ())
        if patch["applyTo"] == "HTTP_ROUTE"
    }
    own_names = {part.get("name") for part in route.get("http", ())}
    return bool(hosts and not hosts & set(route["hosts"])) or bool(names and not names & own_names)


@EVERY_STACK
@given(meshes())
def test_a_route_comes_after_all_that_it_names_and_all_that_guards_its_way(declaration: dict[str, Any]) -> None:
    mesh = built(declaration)
    objects = manifests(mesh)
    apps = {app.service_host: app for app in mesh.spec.apps.values()}
    for key, found in objects.items():
        if not key.startswith("VirtualService/"):
            continue
        route, needed = found["spec"], set[str]()
        hosts = {(target["host"], target.get("subset")) for target in destinations(route)}
        for name, rule in objects.items():
            if name.startswith("DestinationRule/"):
                subsets = {subset["name"] for subset in rule["spec"].get("subsets", ())}
                named = {subset for host, subset in hosts if host == rule["spec"]["host"]}
                if named and (not subsets or subsets & named):
                    needed.add(name)
        for app in (apps[host] for host, _ in hosts if host in apps):
            needed |= guards_of(objects, app.namespace, app.pod_labels).keys()
        for name in set(route.get("gateways", ())) - {"mesh"}:
            needed.add(f"Gateway/{name}")
            selector = objects[f"Gateway/{name}"]["spec"]["selector"]
            opened = next(found for found in mesh.gateways.values() if selector.items() <= found.pod_labels.items())
            guards = guards_of(objects, opened.home, opened.pod_labels)
            needed |= {name for name, guard in guards.items() if not is_for_others(guard, route)}
        assert needed <= before(mesh, key), key


@EVERY_STACK
@given(meshes())
def test_routes_alone_wait_and_never_for_each_other(declaration: dict[str, Any]) -> None:
    mesh = built(declaration)
    keys = {owned.resource.key for owned in mesh.objects}
    assert mesh.routes_need.keys() == {key for key in keys if key.startswith("VirtualService/")}
    assert set(TopologicalSorter(mesh.routes_need).static_order()) <= keys


def test_what_an_app_waits_for_does_not_grow_with_the_number_of_apps() -> None:
    def of(count: int) -> int:
        whole = Mesh(MeshSpec.model_validate(many_apps(count)), TODAY)
        return sum(map(len, whole.routes_need.values()))

    assert of(40) == 4 * of(10)


def test_an_app_waits_for_the_rules_of_an_app_that_it_routes_to_and_of_no_other() -> None:
    api = "{namespace: chatgpt-production, service: {port: 80}}"
    others = f"{{chatgpt-api: {api}, elsewhere: {api}}}"
    needed = before(mesh("{routes: [{prefix: /api/, to: {app: chatgpt-api}}]}", others), OWN)
    assert {
        "DestinationRule/chatgpt-production/chatgpt-mcp",
        "DestinationRule/chatgpt-production/chatgpt-api",
        "AuthorizationPolicy/chatgpt-production/chatgpt-api-callers",
        "EnvoyFilter/chatgpt-production/chatgpt-api-paths",
    } <= needed
    assert not [key for key in needed if "elsewhere" in key]


def test_another_apps_policy_at_the_same_gateway_is_not_waited_for() -> None:
    other = "{namespace: team, host: other.example.com, gateway: public, service: {port: 80}, mcp: {}, open: true}"
    needed = before(mesh("{}", f"{{other: {other}}}"), OWN)
    assert "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge" in needed
    assert "AuthorizationPolicy/istio-ingress/other-edge" not in needed


def test_a_route_comes_after_the_one_that_it_delegates_to() -> None:
    rollout = "{versions: {v1: {}, v2: {}}, rollout: {stable: v1, managed_by: argo-rollouts, canary: {version: v2}}}"
    weighted = "VirtualService/chatgpt-production/chatgpt-mcp-rollout"
    built = mesh(rollout)
    assert weighted in built.routes_need[OWN]
    assert "DestinationRule/chatgpt-production/chatgpt-mcp-rollout" in built.routes_need[weighted]


EGRESS = """
allow:
- {host: api.example.net, from: [chatgpt-mcp]}
- {host: api.example.net, port: 8443, from: [chatgpt-mcp]}
- {host: "*.example.com", from: [chatgpt-mcp]}
"""


@pytest.fixture(scope="module")
def with_egress() -> Mesh:
    gateways = """
    public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
    out: {kind: egress}
    """
    return mesh(gateways=gateways, egress=yaml.safe_load(EGRESS))


class TestEgress:
    def test_the_way_to_the_gateway_opens_when_all_behind_it_is_there(self, with_egress: Mesh) -> None:
        home = "istio-egress/egress-api-example-net"
        needed = before(with_egress, f"VirtualService/{home}-to-gateway")
        assert {
            f"ServiceEntry/{home}",
            f"Gateway/{home}",
            f"Gateway/{home}-8443",
            f"AuthorizationPolicy/{home}",
            f"AuthorizationPolicy/{home}-8443",
            f"VirtualService/{home}-from-gateway",
            f"VirtualService/{home}-8443-from-gateway",
            "DestinationRule/istio-egress/out-tunnel",
            # Whose sidecar must know the gateway before it is sent there.
            "Sidecar/chatgpt-production/chatgpt-mcp",
        } <= needed
        assert not [key for key in needed if "any-example" in key]

    def test_a_wildcard_comes_after_the_filters_that_hand_its_name_on(self, with_egress: Mesh) -> None:
        needed = before(with_egress, "VirtualService/istio-egress/egress-any-example-com-to-gateway")
        assert {
            "EnvoyFilter/chatgpt-production/out-forward-server-name",
            "EnvoyFilter/istio-egress/out-resolve-server-name",
        } <= needed


def test_objects_written_by_hand_are_waited_for_by_what_they_are_about() -> None:
    objects = """
    - apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: legacy, namespace: legacy}
      spec:
        hosts: [legacy.example.com]
        gateways: [istio-ingress/public]
        http: [{route: [{destination: {host: web}}]}]
    - apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: all, namespace: legacy}
      spec: {host: "*.legacy.svc.cluster.local", trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}}
    - apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: web, namespace: legacy}
      spec: {selector: {matchLabels: {app: web}}}
    - apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: elsewhere, namespace: elsewhere}
      spec: {selector: {matchLabels: {app: web}}}
    """
    needed = before(mesh(objects=yaml.safe_load(objects)), "VirtualService/legacy/legacy")
    assert {"Gateway/istio-ingress/public", "DestinationRule/legacy/all", "AuthorizationPolicy/legacy/web"} <= needed
    assert "AuthorizationPolicy/elsewhere/elsewhere" not in needed
    assert "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge" not in needed
