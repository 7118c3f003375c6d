"""A certificate that is not in the gateway pods' namespace."""

from __future__ import annotations

from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import strings, text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway, Server


@rule(
    "MCP404",
    ERROR,
    "A certificate that is not in the gateway pods' namespace",
    symptoms=("TLS handshake fails at the gateway",),
    why="""
A gateway's pods read `credentialName` from *their own* namespace, whatever namespace the Gateway object is in. The
listener waits for a secret that never comes, and the handshake fails. Judged where the input shows the gateway's
workload, or where the Gateway object lives in an app's namespace.
""",
    bad="""
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: shop}
type: kubernetes.io/tls
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations: {inject.istio.io/templates: gateway}
    spec: {serviceAccountName: istio-ingressgateway}
""",
    good="""
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-ingress}
type: kubernetes.io/tls
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations: {inject.istio.io/templates: gateway}
    spec: {serviceAccountName: istio-ingressgateway}
""",
    sources=("https://istio.io/latest/docs/ops/configuration/security/security-policy-examples/",),
)
def check(mesh: MeshView) -> Hits:
    stored: dict[str, set[str]] = defaultdict(set)
    for kind in ("Secret", "Certificate", "ExternalSecret"):
        for obj in mesh.by_kind.get(kind, ()):
            name = text(obj.body, "spec", "secretName") or text(obj.body, "spec", "target", "name") or obj.name
            stored[name].add(obj.namespace)
    secrets_shown = {obj.namespace for obj in mesh.by_kind.get("Secret", ())}
    named = {name for gateway in mesh.gateways for server in gateway.servers for _, name in _credentials(server)}
    secret_namespaces = {namespace for found in stored.values() for namespace in found}
    for gateway in mesh.gateways:
        homes = {pod.namespace for pod in mesh.gateway_workloads if selects(gateway.selector, pod.labels)}
        for server in gateway.servers:
            for path, name in _credentials(server):
                found = stored.get(name, set())
                if not found and homes & secret_namespaces and gateway.obj.namespace in homes:
                    spare = [other for other in stored if other not in named]
                    similar = get_close_matches(name, spare, n=1)
                    if not similar and not secrets_shown & homes:
                        # Certificates that are issued here do not rule out one that comes another way.
                        continue
                    mend = f"did you mean {similar[0]}?" if similar else "create it, or correct the name"
                    problem = f"is {name!r}, and none of the certificates shown has that name"
                    yield Hit(gateway.obj, path, problem, mend)
                elif found and homes and not found & homes:
                    problem = f"is {name!r}, which is in {', '.join(sorted(found))}, not with the gateway's pods"
                    yield Hit(gateway.obj, path, problem, f"create it in {', '.join(sorted(homes))}")
                elif not homes and _is_beside(mesh, gateway, found) and is_shared(gateway):
                    problem = f"is {name!r}, in {gateway.obj.namespace}: gateway pods read their own namespace only"
                    mend = "put Gateway and Secret into the namespace of the gateway's pods"
                    yield Hit(gateway.obj, path, problem, mend, WARNING)


GATEWAY_NAMESPACES = ("istio-system", "istio-ingress", "istio-internal", "istio-egress")


def _is_beside(mesh: MeshView, gateway: Gateway, found: set[str]) -> bool:
    """Whether the certificate stands, or can only stand, in the Gateway's own namespace."""
    return gateway.obj.namespace in found or (mesh.environment.whole_mesh and not found)


def is_shared(gateway: Gateway) -> bool:
    """Whether the selector is the one that Istio's own ingress gateway has, and so likely of another namespace."""
    home = gateway.obj.namespace
    return gateway.selector.get("istio") == "ingressgateway" and home not in ("default", *GATEWAY_NAMESPACES)


def _credentials(server: Server) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    name = text(server.tls, "credentialName")
    if name:
        found.append(((*server.path, "tls", "credentialName"), name))
    for position, listed in enumerate(strings(server.tls, "credentialNames")):
        found.append(((*server.path, "tls", "credentialNames", position), listed))
    return found
