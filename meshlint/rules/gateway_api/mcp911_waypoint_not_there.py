"""A label for a waypoint that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.gateway_api.ambient import USE_WAYPOINT, USE_WAYPOINT_NAMESPACE, WAYPOINT_FOR
from meshlint.view.gateway_api.listeners import Role
from meshlint.view.kubernetes import WORKLOAD_KINDS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP911",
    ERROR,
    "A label for a waypoint that is not there",
    symptoms=("a policy has no effect", "requests without a token get in"),
    why="""
`istio.io/use-waypoint` names a Gateway of a waypoint's class, in the same namespace unless `istio.io/use-waypoint-
namespace` says another. Where there is none, where it is for other traffic (`istio.io/waypoint-for`), or where its
listener's `allowedRoutes` does not let the namespace in, requests go straight to the pods: policies aimed at the
Service are enforced by nobody. Judged where the objects show Gateways of that namespace, or a waypoint of that name
elsewhere.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: way-point}}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
""",
    sources=("https://istio.io/latest/docs/ambient/usage/waypoint/",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.objects:
        name = obj.labels.get(USE_WAYPOINT, "")
        if name in ("", "none"):
            continue
        home = obj.name if obj.kind == "Namespace" else obj.namespace
        key = f"{obj.labels.get(USE_WAYPOINT_NAMESPACE) or home}/{name}"
        problem, mend = _missing(mesh, obj, key, home)
        if problem:
            yield Hit(obj, ("metadata", "labels", USE_WAYPOINT), problem, mend)


def _missing(mesh: MeshView, obj: Manifest, key: str, home: str) -> tuple[str, str]:
    namespace, _, name = key.partition("/")
    gateway = mesh.api_gateway_by_key.get(key)
    if gateway is None:
        alike = [one.key for one in mesh.api_gateways if one.role is Role.WAYPOINT and one.obj.name == name]
        near = [one.obj.name for one in mesh.api_gateways if one.obj.namespace == namespace]
        if not alike and not near:
            return "", ""
        other = f"set {USE_WAYPOINT_NAMESPACE} to {alike[0].partition('/')[0]}" if alike else "correct the name"
        return f"is {name!r}, and there is no waypoint {key}", other
    if gateway.role is not Role.WAYPOINT:
        if gateway.role is Role.FOREIGN:
            return "", ""
        problem = f"is {name!r}, which is of the class {gateway.class_name} and no waypoint"
        return problem, "name a Gateway of the class istio-waypoint"
    takes = mesh.waypoint_takes(gateway)
    wanted = "workload" if obj.kind in ("Pod", *WORKLOAD_KINDS) else "service"
    if obj.kind != "Namespace" and takes not in (wanted, "all"):
        mend = f"label the waypoint {WAYPOINT_FOR}: {wanted} (or all)"
        return f"is {name!r}, which is for the traffic {takes!r}", mend
    if not mesh.lets_users_of(gateway, home):
        problem = f"is {name!r}, whose listener does not let in {home}"
        return problem, "set allowedRoutes.namespaces of its listener"
    return "", ""
