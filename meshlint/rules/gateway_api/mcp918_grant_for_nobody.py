"""A ReferenceGrant for nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import elements, text
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


FROM = ("Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
TO = ("Service", "Secret", "ConfigMap", "InferencePool")


@rule(
    "MCP918",
    WARNING,
    "A ReferenceGrant for nobody",
    symptoms=("the gateway answers 500", "a setting has no effect"),
    why="""
A grant names who may refer to what by group, kind and namespace, each exactly: there are no wildcards, and a group
that is left empty means Kubernetes' own kinds. Istio asks for grants of Gateways, ListenerSets and routes, to
Services, Secrets, ConfigMaps and InferencePools; it stands in the namespace of what is referred to. Namespaces are
missed only where the objects show the Namespaces of the cluster.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes-of-shop, namespace: backends}
spec:
  from: [{group: "", kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes-of-shop, namespace: backends}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.gateway_api("ReferenceGrant"):
        for position, source in enumerate(elements(obj.spec, "from")):
            path = ("spec", "from", position)
            group, kind, namespace = text(source, "group"), text(source, "kind"), text(source, "namespace")
            if group != GATEWAY_API and kind in FROM:
                problem = f"is {kind} of the group {group!r}, which is none of {GATEWAY_API}"
                yield Hit(obj, path, problem, f"write group: {GATEWAY_API}")
            elif group == GATEWAY_API and kind not in FROM:
                yield Hit(obj, path, f"is {kind}, of which Istio asks for no grant", f"use one of {', '.join(FROM)}")
            elif mesh.namespaces and namespace not in mesh.namespace_names:
                yield Hit(obj, path, f"is for the namespace {namespace}, which does not exist", "correct the namespace")
        for position, target in enumerate(elements(obj.spec, "to")):
            if text(target, "group") in ("", "core") and text(target, "kind") not in TO:
                problem = f"is {text(target, 'kind')}, for which Istio asks no grant"
                yield Hit(obj, ("spec", "to", position), problem, f"use one of {', '.join(TO)}")
