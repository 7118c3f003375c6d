"""What holds for every declaration without mistakes, over random ones."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from meshlint.view.token_claims import AUDIENCE_CLAIMS, claim_of
from tests.crd_schema import assert_served
from tests.unit.mesh.stack import TODAY
from tests.unit.random_stacks import meshes

EVERY_STACK = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)


def built(declaration: dict[str, Any]) -> Mesh:
    spec = MeshSpec.model_validate(declaration)
    assert [str(problem) for problem in problems(spec, TODAY)] == [], "random stacks are right by construction"
    return Mesh(spec, TODAY)


def manifests(mesh: Mesh, kind: str) -> list[dict[str, Any]]:
    return [o.resource.to_dict() for o in mesh.objects if o.resource.kind == kind]


@EVERY_STACK
@given(meshes())
def test_every_object_passes_its_crd_schema_with_unknown_fields_refused(declaration: dict[str, Any]):
    mesh = built(declaration)
    assert_served(*(m for m in (o.resource.to_dict() for o in mesh.objects) if "istio.io" in m["apiVersion"]))


@EVERY_STACK
@given(meshes())
def test_building_is_deterministic(declaration: dict[str, Any]):
    first, second = built(declaration), built(declaration)
    assert [(o.owner, o.resource.to_dict()) for o in first.objects] == [
        (o.owner, o.resource.to_dict()) for o in second.objects
    ]


@EVERY_STACK
@given(meshes())
def test_every_host_has_one_owner(declaration: dict[str, Any]):
    hosts = Counter(
        (host, gateway)
        for virtual_service in manifests(built(declaration), "VirtualService")
        for host in virtual_service["spec"].get("hosts", [])
        for gateway in virtual_service["spec"].get("gateways", ["mesh"])
    )
    assert {host for host, count in hosts.items() if count > 1} == set()


@EVERY_STACK
@given(meshes())
def test_every_subset_that_a_route_names_exists_once(declaration: dict[str, Any]):
    mesh = built(declaration)
    subsets = Counter(
        (rule["spec"]["host"], subset["name"])
        for rule in manifests(mesh, "DestinationRule")
        for subset in rule["spec"].get("subsets", [])
    )
    for virtual_service in manifests(mesh, "VirtualService"):
        for route in virtual_service["spec"].get("http", []):
            destinations = [part["destination"] for part in route.get("route", [])] + [
                route[m] for m in ("mirror",) if m in route
            ]
            for destination in destinations:
                if "subset" in destination:
                    assert subsets[destination["host"], destination["subset"]] == 1


@EVERY_STACK
@given(meshes())
def test_only_reads_are_copied_to_a_mirror(declaration: dict[str, Any]):
    for virtual_service in manifests(built(declaration), "VirtualService"):
        for route in virtual_service["spec"].get("http", []):
            for match in route.get("match", [{}]) if "mirror" in route else []:
                method = match["method"]
                assert set(method.get("regex", method.get("exact")).split("|")) <= {"GET", "HEAD"}


@EVERY_STACK
@given(meshes())
def test_weights_add_up(declaration: dict[str, Any]):
    for virtual_service in manifests(built(declaration), "VirtualService"):
        for route in virtual_service["spec"].get("http", []):
            weights = [part["weight"] for part in route.get("route", []) if "weight" in part]
            assert not weights or sum(weights) == 100


@EVERY_STACK
@given(meshes())
def test_every_route_has_an_allow_from_exactly_its_callers_and_gateways(declaration: dict[str, Any]):
    mesh = built(declaration)
    allowed = allow_rules(mesh)
    wanted: dict[str, set[tuple[str, str, str, str]]] = {name: set() for name in mesh.spec.apps}
    for name, app in mesh.spec.apps.items():
        own = [(app.mcp.path, app.mcp.methods)] if app.mcp else []
        reached = {name: list(own)}
        for route in app.routes:
            if route.leads_on:
                target = route.to.app if route.to else name
                reached.setdefault(target, []).append((route.rewrite or route.path, route.methods))
                own += [(route.rewrite or route.path, route.methods)] if route.to is None else []
        for exposure in app.served:
            gateway = mesh.spec.gateways[exposure.gateway]
            principal = f"{mesh.spec.trust_domain}/ns/{gateway.home}/sa/{gateway.release_name}"
            for target, endpoints in reached.items():
                wanted[target] |= {
                    (principal, exposure.host, path, method) for path, methods in endpoints for method in methods
                }
        for caller in app.callers:
            called = mesh.spec.apps.get(caller.app or "")
            namespace, account = (
                (called.namespace, called.identity_name) if called else (caller.namespace, caller.service_account)
            )
            principal = f"{mesh.spec.trust_domain}/ns/{namespace}/sa/{account}"
            known = dict(own)
            endpoints = [(path, known.get(path, ("GET", "POST"))) for path in caller.paths] or own
            endpoints = [(path, caller.methods or methods) for path, methods in endpoints]
            host = app.service_host
            wanted[name] |= {(principal, host, path, method) for path, methods in endpoints for method in methods}
    assert allowed == wanted


def allow_rules(mesh: Mesh) -> dict[str, set[tuple[str, str, str, str]]]:
    """Principal, host, path and method of every ALLOW, by the app that it opens."""
    found: dict[str, set[tuple[str, str, str, str]]] = {name: set() for name in mesh.spec.apps}
    for policy in manifests(mesh, "AuthorizationPolicy"):
        app = policy["metadata"]["name"].removesuffix("-callers")
        if app not in found or policy["metadata"] != {
            "name": f"{app}-callers",
            "namespace": mesh.spec.apps[app].namespace,
        }:
            continue
        for rule in policy["spec"]["rules"]:
            [source] = rule["from"]
            for to in rule["to"]:
                operation = to["operation"]
                service = mesh.spec.apps[app].service
                assert service is not None
                assert operation["ports"] == [str(service.target_port or service.port)]
                if "paths" not in operation:
                    continue  # bytes of a listener, of which nobody reads a path
                for principal in source["source"]["principals"]:
                    for path in operation["paths"]:
                        for method in operation["methods"]:
                            for host in operation["hosts"]:
                                if host.count(".") >= 2 and not host.endswith(":*") and not host.endswith(".svc"):
                                    found[app].add((principal, host, path.removesuffix("*"), method))
    return found


@EVERY_STACK
@given(meshes())
def test_no_token_no_way_in(declaration: dict[str, Any]):
    """Where an app asks for tokens, a route that leads on is open to everybody only if its declaration says so."""
    mesh = built(declaration)
    for name, app in mesh.spec.apps.items():
        if app.auth is None:
            continue
        public = {route.path for route in app.routes if route.auth == "none"}
        for virtual_service in manifests(mesh, "VirtualService"):
            if not set(virtual_service["spec"].get("hosts", [])) & {exposure.host for exposure in app.exposures}:
                continue
            for route in virtual_service["spec"]["http"]:
                if "directResponse" in route or "redirect" in route:
                    continue
                for match in route["match"]:
                    path = match["uri"].get("exact") or match["uri"].get("prefix")
                    claims = {claim_of(header) for header in match.get("headers", {})}
                    asks = claims >= {"iss", "sub"} and not claims.isdisjoint(AUDIENCE_CLAIMS)
                    preflight = match.get("method") == {"exact": "OPTIONS"}
                    listed = app.auth.anonymous is not None and ".mcp.anonymous" in route["name"]
                    assert asks or preflight or listed or path in public, (name, route["name"], match)


@EVERY_STACK
@given(meshes())
def test_regular_expressions_are_in_the_syntax_that_proxies_share(declaration: dict[str, Any]):
    """RE2 has no lookaround and no backreferences; what Python compiles without them, RE2 does."""

    def patterns(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [v for k, v in node.items() if k == "regex" and isinstance(v, str)]
            return own + [p for v in node.values() for p in patterns(v)]
        return [p for v in node for p in patterns(v)] if isinstance(node, list) else []

    for owned in built(declaration).objects:
        for pattern in patterns(owned.resource.to_dict()):
            re.compile(pattern)
            assert "(?=" not in pattern
            assert "(?!" not in pattern
