"""A kind or version that Istio does not serve, or will stop serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP005",
    ERROR,
    "A kind or version that Istio does not serve, or will stop serving",
    symptoms=("the API server refuses the object", "no matches for kind"),
    why="""
Istio 1.31 serves `v1` of its stable kinds. `v1beta1` and `v1alpha3` are still served and read the same, so writing
them is worth an info only; a version or kind that is gone (Mixer's, the old RBAC's and authentication's) is an error.
Of Gateway API the versions are those of the release that Istio is built with; an old name of one of its kinds is
worth an info, too.
""",
    bad="""
apiVersion: authentication.istio.io/v1alpha1
kind: Policy
metadata: {name: default, namespace: shop}
spec:
  peers: [{mtls: {}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: {mode: STRICT}
""",
    sources=("https://istio.io/latest/blog/2024/v1-apis/", "https://gateway-api.sigs.k8s.io/concepts/versioning/"),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.objects:
        if obj.group in GONE:
            yield Hit(obj, ("apiVersion",), f"is {obj.api_version}, which Istio no longer has", GONE[obj.group])
        elif obj.is_istio or obj.is_gateway_api:
            yield from _served(obj)


GONE = {
    "authentication.istio.io": "write a PeerAuthentication (mTLS) or a RequestAuthentication (tokens) instead",
    "rbac.istio.io": "write an AuthorizationPolicy instead",
    "config.istio.io": "Mixer is gone: write Telemetry, AuthorizationPolicy or an EnvoyFilter instead",
}


def _served(obj: Manifest) -> Hits:
    definition = obj.definition
    if definition is None:
        yield Hit(obj, ("kind",), f"is {obj.kind}, which {obj.group} does not define", "correct the kind")
        return
    versions = definition["versions"]
    served = [name for name, version in versions.items() if version["served"]]
    best = "v1" if "v1" in served else served[-1]
    if obj.version not in served:
        problem = f"is {obj.api_version}, which is not served for {obj.kind}"
        yield Hit(obj, ("apiVersion",), problem, f"write {obj.group}/{best}")
    elif obj.version != best and (obj.is_istio or versions[obj.version]["deprecated"]):
        problem = f"is {obj.api_version}, an older name of the same API"
        yield Hit(obj, ("apiVersion",), problem, f"write {obj.group}/{best}", INFO)
