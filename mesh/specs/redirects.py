"""Redirects of one path: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRedirect"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Hostname, HttpPath, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

RedirectStatus = Literal[301, 302, 307, 308]

NEEDS_LOCATION = frozenset({301, 302, 303, 307, 308})
"""Statuses that mean nothing to a client without a `location` (RFC 9110, section 15.4)."""


class RedirectSpec(Spec):
    """Where the client is sent instead. At least one of host and path; the query is kept, and the scheme is https."""

    host: Hostname | None = None
    """Host, at port 443. Default: the one that was asked for, at its port."""
    path: HttpPath | None = None
    """The whole path, also where the route is a prefix. Default: the one that was asked for. (A new beginning with the
    old rest would need a field of Istio that releases before 1.31 drop in silence.)"""
    status: RedirectStatus = 308
    """301, 308: for good, and browsers remember it. 302, 307: for now. 307 and 308 keep the method and the body."""


def problems(
    path: str, redirect: RedirectSpec, *, exact: str | None, prefix: str | None, hosts: frozenset[str]
) -> Iterator[Problem]:
    """`exact`, `prefix`: the path of the route, one of them; `hosts`: the hosts that it stands at."""
    to = redirect.path
    stays = redirect.host is None or redirect.host in hosts
    if redirect.host is None and to is None:
        yield Problem(path, "leads nowhere; say host, path or both")
    elif stays and (to is None or to == exact or (prefix is not None and to.startswith(prefix))):
        yield Problem(path, "leads back to the path that it stands at, for ever; choose another path or host")
