"""An acceptance that has ended, ends soon, or accepts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP008",
    ERROR,
    "An acceptance that has ended, ends soon, or accepts nothing",
    symptoms=("a finding that was accepted is back",),
    why="""
A risk is accepted with a code, an object, a day and a reason: in a stack (`chatgpt-mesh:accept`) or by a comment in
the document, `# accept: MCP107 until 2027-01-31 because the upstream deduplicates calls`. After the day the
acceptance is an error and the finding is back; 14 days before it is a warning; so is an acceptance of something that
is no longer there.
""",
    bad="""
# accept: MCP301 until 2026-10-31 because the old client moves to the mesh in October
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
)
def check(mesh: MeshView) -> Hits:  # noqa: ARG001 - acceptances are judged after the rules, by what they accepted
    yield from ()
