"""An environment variable that nothing reads."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint import schemas
from meshlint.rule import WARNING, Hit, rule
from meshlint.view.charts import environment_variables

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP708",
    WARNING,
    "An environment variable that nothing reads",
    symptoms=("a setting has no effect",),
    why="""
istiod and the proxies read a fixed set of `PILOT_` and `ISTIO_` variables; the rest is dead weight from an older
version or a misspelling. The names are those that the code of the pinned Istio mentions outside of its tests.
""",
    bad="""
# values of the istiod chart
env: {PILOT_ENABLE_STATUS: "true"}
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    good="""
# values of the istiod chart
env: {PILOT_FILTER_GATEWAY_CLUSTER_CONFIG: "true"}
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars",),
)
def check(mesh: MeshView) -> Hits:
    known = set(schemas.load("environment_names")["names"])
    for obj, path, name, _ in environment_variables(mesh):
        if name.startswith(("PILOT_", "ISTIO_")) and name not in known:
            similar = get_close_matches(name, known, n=1, cutoff=0.85)
            mend = f"did you mean {similar[0]}?" if similar else "remove it"
            yield Hit(obj, path, f"sets {name}, which Istio's code does not read", mend)
