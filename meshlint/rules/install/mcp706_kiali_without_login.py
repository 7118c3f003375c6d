"""Kiali that anybody may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import text
from meshlint.view.installation import kiali_settings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP706",
    WARNING,
    "Kiali that anybody may read",
    symptoms=("metrics or admin pages answer on the internet",),
    why="""
`auth.strategy: anonymous` shows topology, configuration and logs of the whole mesh to whoever reaches the port, and
lets him edit it unless Kiali is read-only. Use `openid` or `token`.
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: kiali, namespace: istio-system}
data:
  config.yaml: |
    auth: {strategy: anonymous}
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: kiali, namespace: istio-system}
data:
  config.yaml: |
    auth: {strategy: openid}
""",
    sources=("https://kiali.io/docs/configuration/authentication/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for obj, path, settings in kiali_settings(mesh):
        if text(settings, "auth", "strategy") == "anonymous":
            problem = "has auth.strategy anonymous: whoever reaches it sees the whole mesh"
            yield Hit(obj, path, problem, "use openid or token")
