"""Headers of every answer of an app's hosts, such as `strict-transport-security` and `content-security-policy`.

Declared at the app and not at the gateway: a host has one owner, who knows what its pages may load, and a gateway
serves the hosts of many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.routes import HeaderChangesSpec

OF_ONE_ANSWER = frozenset(
    {
        *("allow", "connection", "content-encoding", "content-length", "content-type", "keep-alive", "location"),
        *("mcp-session-id", "retry-after", "te", "trailer", "transfer-encoding", "upgrade", "www-authenticate"),
    }
)
"""Headers that say something about one answer, or about the connection; the same on every answer would be wrong."""


def problems(path: str, changes: HeaderChangesSpec, *, exposed: bool, flagger: bool) -> Iterator[Problem]:
    """`exposed`: the app has a host; `flagger`: that controller makes its routes."""
    if not changes.set and not changes.remove:
        return
    if not exposed:
        yield Problem(path, "are headers of answers of the app's hosts, and it has none; give it host and gateway")
    elif flagger:
        yield Problem(path, "need the routes of the host, which flagger makes; let the stack manage the weights")
    for field, names in (("set", changes.set), ("remove", changes.remove)):
        for name in names:
            if name in OF_ONE_ANSWER:
                yield Problem(f"{path}.{field}", "belongs to one answer and not to all; change it on a route", name)
            elif name.startswith("access-control-"):
                yield Problem(f"{path}.{field}", "says which pages may read the answer, which cors decides", name)
