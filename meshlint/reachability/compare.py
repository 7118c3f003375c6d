"""Which requests get another answer from a new version of a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.reachability.answer import answer
from meshlint.reachability.matrix import Axes, callers_of, good_token, hosts_of, paths_of, requests, token_name
from meshlint.reachability.request import INTERNET, Answer, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.view.mesh import MeshView


@dataclass(frozen=True, slots=True)
class Change:
    """Requests that differ only in method, and what became of them before and becomes of them now."""

    request: Request
    methods: tuple[str, ...]
    before: Answer
    now: Answer

    @property
    def opens(self) -> bool:
        """Whether something is reached that was not."""
        return self.now.outcome is Outcome.ALLOWED and self.before.outcome is not Outcome.ALLOWED

    def __str__(self) -> str:
        request = self.request
        scheme = "https://" if request.caller == INTERNET else "http://"
        token = "" if request.token is None else f" with a token of {token_name(request.token)}"
        who = f"{'/'.join(self.methods)} {scheme}{request.host}{request.path} from {request.caller}{token}"
        return f"{who} was {_told(self.before)}; now it is {_told(self.now)}."


def _told(found: Answer) -> str:
    status = f" with {found.status}" if found.status and found.outcome is not Outcome.ALLOWED else ""
    return f"{found.outcome}{status} by {found.by} ({found.why})"


def changes(old: MeshView, new: MeshView) -> list[Change]:
    """Every request, of those worth asking of either mesh, whose outcome, status or destination has changed.

    What is opened comes first.
    """
    grouped: dict[tuple[object, ...], tuple[list[str], Request, Answer, Answer]] = {}
    for request in _asked(old, new):
        before, now = answer(old, request), answer(new, request)
        if (before.outcome, before.status, before.destination) == (now.outcome, now.status, now.destination):
            continue
        key = (request.caller, request.host, request.path, token_name(request.token), before, now)
        methods, *_ = grouped.setdefault(key, ([], request, before, now))
        methods.append(request.method)
    found = [Change(request, tuple(methods), before, now) for methods, request, before, now in grouped.values()]
    return sorted(found, key=lambda change: not change.opens)


def _asked(old: MeshView, new: MeshView) -> Iterator[Request]:
    """The requests of both: callers, hosts and paths of either, and tokens that either would take."""
    for caller in dict.fromkeys([*callers_of(old), *callers_of(new)]):
        for host in dict.fromkeys([*hosts_of(old, caller), *hosts_of(new, caller)]):
            paths = sorted({*paths_of(old, host), *paths_of(new, host)})
            tokens = [None, good_token(old, host), good_token(new, host)] if caller == INTERNET else [None]
            distinct = [token for index, token in enumerate(tokens) if token not in tokens[:index]]
            axes = Axes(callers=(caller,), hosts=(host,), paths=paths, tokens=distinct)
            yield from requests(new if host in hosts_of(new, caller) else old, axes)
