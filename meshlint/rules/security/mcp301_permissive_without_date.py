"""Plaintext accepted beside mTLS, without an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.finding import Severity
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP301",
    WARNING,
    "Plaintext accepted beside mTLS, without an end",
    symptoms=("plaintext requests reach the app",),
    why="""
PERMISSIVE and DISABLE let a caller without an identity in; every policy that names principals then denies it, and
every policy that does not lets it pass. A migration has an end: accept the finding with a date (`# accept: MCP301
until 2027-01-31 because ...`), and the program stops when it is over.

PERMISSIVE is Istio's own default, and an info; DISABLE is a warning.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: PERMISSIVE}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://istio.io/latest/docs/concepts/security/#peer-authentication",),
)
def check(mesh: MeshView) -> Hits:
    for peer in mesh.peer_authentications:
        if peer.mode in OPEN:
            problem = f"is {peer.mode}, so callers without an identity get in"
            mend = "write STRICT, or accept it with a date and a reason"
            yield Hit(peer.obj, ("spec", "mtls", "mode"), problem, mend, *_severity(peer.mode))
        for port, mode in peer.ports.items():
            if mode in OPEN:
                where = ("spec", "portLevelMtls", str(port), "mode")
                problem = f"is {mode}, so callers without an identity reach port {port}"
                mend = "write STRICT, or accept it with a date and a reason"
                yield Hit(peer.obj, where, problem, mend, *_severity(mode))


OPEN = ("PERMISSIVE", "DISABLE")


def _severity(mode: str) -> tuple[Severity | None, Severity | None]:
    """PERMISSIVE is what Istio does by itself."""
    return (INFO, WARNING) if mode == "PERMISSIVE" else (None, None)
