"""Nothing is said to be absent that is only not in sight: parts of correct meshes, each judged alone."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import meshlint
from meshlint.environment import Environment
from tests.surroundings import surroundings
from tests.unit.meshlint.mutation.meshes import TODAY, Mesh, meshes

pytestmark = pytest.mark.unit

Objects = list[dict[str, Any]]


@cache
def correct_meshes() -> list[Mesh]:
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        return list(meshes(0))


def parts(objects: Objects) -> Iterator[tuple[str, Objects]]:
    """Every object alone, every namespace alone, and every kind alone, as `kubectl get KIND -A` lists it."""
    together: dict[str, Objects] = defaultdict(list)
    for obj in objects:
        name = f"{obj['kind']}/{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
        yield name, [obj]
        together[f"namespace {obj['metadata'].get('namespace')}"].append(obj)
        together[f"every {obj['kind']}"].append(obj)
    yield from together.items()


def test_a_part_of_a_correct_mesh_has_no_finding_that_the_whole_has_not() -> None:
    said: list[str] = []
    judged = 0
    for mesh in correct_meshes():
        for name, part in parts(mesh.objects):
            judged += 1
            said += [
                f"{mesh.name}, {name}: {found.code} {found.message}"
                for found in meshlint.run(part, today=TODAY).findings
                if (found.code, found.object) not in mesh.findings
            ]
    assert judged > 3000
    assert not said, "\n".join(said[:20])


def run(text: str, *, whole_mesh: bool = False) -> meshlint.Report:
    objects: Objects = list(yaml.safe_load_all(text))
    return meshlint.run(objects, today=TODAY, environment=Environment(whole_mesh=whole_mesh))


ROUTE_OUT = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [api.example.com]
  tls: [{match: [{port: 443, sniHosts: [api.example.com]}], route: [{destination: {host: api.example.com}}]}]
"""
DELEGATE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {http: [{route: [{destination: {host: web}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80, name: http}]}
"""
GATEWAY_ELSEWHERE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [istio-ingress/public], http: [{route: [{destination: {host: web}}]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: other}
spec: {selector: {istio: own}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]}
"""
GLOBAL_LIMIT = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
          domain: shop
"""
UPGRADE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec: {host: web, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}
"""
CREDENTIAL = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: SIMPLE, credentialName: a}}
"""
NAMED_TWICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - {name: pinned, match: [{uri: {exact: /}}], route: [{destination: {host: web-next}}]}
  - {name: others, match: [{uri: {exact: /}}], route: [{destination: {host: web}}]}
"""


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MCP501", ROUTE_OUT),
        ("MCP138", DELEGATE),
        ("MCP126", GATEWAY_ELSEWHERE),
        ("MCP806", GLOBAL_LIMIT),
        ("MCP208", UPGRADE),
        ("MCP103", NAMED_TWICE),
    ],
)
def test_a_rule_says_what_it_would_have_to_see(code: str, text: str) -> None:
    """Of one file it says that it did not judge; where everything is among the objects, that the thing is absent."""
    part = run(text)
    assert code not in {found.code for found in part.findings}
    assert [reason for reason in part.not_judged if reason.code == code and "among the objects" in reason.reason]
    assert code in {found.code for found in run(text, whole_mesh=True).findings}


def test_a_certificate_is_elsewhere_only_where_one_is_shown() -> None:
    assert "MCP404" not in {found.code for found in run(CREDENTIAL).findings}
    beside = f"{CREDENTIAL}---\n{{apiVersion: v1, kind: Secret, metadata: {{name: a, namespace: shop}}}}"
    assert "MCP404" in {found.code for found in run(beside).findings}


SERVED = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{to: [{operation: {hosts: [intern.example.com]}}]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec: {selector: {istio: public}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]}
"""
ELSEWHERE = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [intern.example.com], gateways: [istio-internal/internal], http: [{route: [{destination: {host: web}}]}]}
"""


def test_a_host_is_outside_only_where_every_gateway_is_in_sight() -> None:
    assert "MCP305" in {found.code for found in run(SERVED).findings}
    assert "MCP305" not in {found.code for found in run(SERVED + ELSEWHERE).findings}
