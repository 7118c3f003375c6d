"""An app that runs as the proxy's user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, text, whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP720",
    ERROR,
    "An app that runs as the proxy's user",
    symptoms=(
        "traffic is not in the mesh",
        "egress is not controlled",
    ),
    why="""
Connections of user 1337 are the proxy's own, so the rules that bring a pod's traffic into the mesh leave them alone:
an app that runs as 1337 goes around mTLS, policies, routes and the control of egress.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - {name: app, image: "registry.example.com/web:1", securityContext: {runAsUser: 1337}}
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - {name: app, image: "registry.example.com/web:1", securityContext: {runAsUser: 1000}}
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0144/",),
)
def check(mesh: MeshView) -> Hits:
    for workload in mesh.workloads:
        pod = workload.pod_spec
        if GATEWAY_NAME in workload.labels:
            continue  # a proxy itself
        own = whole(pod, "securityContext", "runAsUser")
        for position, container in enumerate(elements(pod, "containers")):
            user = whole(container, "securityContext", "runAsUser")
            if (own if user is None else user) == PROXY and text(container, "name") != "istio-proxy":
                at = ("containers", position) if user is not None else ()
                where = (*workload.pod_path, *at, "securityContext", "runAsUser")
                yield Hit(workload.obj, where, "is 1337, the user of the proxy", "take another user")


GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label of pods that a Gateway of the Gateway API, or a waypoint, is made of."""

PROXY = 1337
"""The user that Istio's proxy runs as in every pod."""
