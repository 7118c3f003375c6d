"""Injection labels that exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP703",
    ERROR,
    "Injection labels that exclude each other",
    symptoms=("pods have no sidecar", "an upgrade does not reach a namespace"),
    why="""
`istio-injection: enabled` wins over `istio.io/rev`: the webhook of a revision skips a namespace that has both, so the
namespace stays with the default revision, or gets no sidecar where there is none. Ambient's label excludes both.

`istio-injection: disabled` beside `istio.io/rev` injects nothing, which may be meant: an info.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled, istio.io/rev: stable}}
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/rev: stable}}
""",
    sources=(
        "https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/",
        "https://istio.io/latest/docs/setup/upgrade/canary/",
    ),
)
def check(mesh: MeshView) -> Hits:
    for namespace in mesh.namespaces.values():
        labels = namespace.labels
        if "istio-injection" in labels and "istio.io/rev" in labels:
            problem = f"is {labels['istio-injection']!r} beside istio.io/rev, which it overrides"
            # Nothing is injected then, which somebody may have meant.
            severity = INFO if labels["istio-injection"] == "disabled" else None
            mend = "keep the one that is meant"
            yield Hit(namespace, ("metadata", "labels", "istio-injection"), problem, mend, severity, ERROR)
        sidecars = labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels
        if labels.get("istio.io/dataplane-mode") == "ambient" and sidecars:
            problem = "is ambient beside a sidecar injection label"
            yield Hit(namespace, ("metadata", "labels", "istio.io/dataplane-mode"), problem, "keep one of them")
        value_ = labels.get("istio-injection")
        if value_ not in (None, "enabled", "disabled"):
            problem = f"is {value_!r}, which injects nothing"
            yield Hit(namespace, ("metadata", "labels", "istio-injection"), problem, "write enabled or disabled")
