"""What a new version of a mesh does otherwise: requests that get another answer or meet other pods, and settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshlint.reachability.answer import answer
from meshlint.reachability.arrival import ASSUMED
from meshlint.reachability.identities import COMPARED, EDGES, edges, labels_compared
from meshlint.reachability.places import Place, Survey, places
from meshlint.reachability.questions import Questions
from meshlint.reachability.request import INTERNET, Answer, Outcome, Request, Share, Token
from meshlint.reachability.settings import Difference, differences, is_followed
from meshlint.view.gateway_api.not_followed import not_followed
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meshlint.view.mesh import MeshView


@dataclass(frozen=True, slots=True)
class Change:
    """Requests that get one answer before and another now. `request` is the simplest of them."""

    request: Request
    methods: tuple[str, ...]
    before: Answer
    now: Answer
    others: int = 0
    """How many more, with other tokens, headers or ports, change in the same way."""

    @property
    def opens(self) -> bool:
        """Whether something is reached that was not."""
        return self.now.outcome is Outcome.ALLOWED and self.before.outcome is not Outcome.ALLOWED

    def __str__(self) -> str:
        was, is_ = _told(self.before, self.request), _told(self.now, self.request)
        said = f"{told(self.request, self.methods)} was {was}; now it is {is_}."
        return said + (f" {self.others} more with other values change in the same way." if self.others else "")


@dataclass(frozen=True, slots=True)
class Move:
    """Requests that are answered by other pods than before, or by them in other shares."""

    request: Request
    methods: tuple[str, ...]
    before: tuple[Share, ...]
    now: tuple[Share, ...]
    sessions: bool
    """Whether these are MCP's, whose first request decides for a session."""
    others: int = 0

    def __str__(self) -> str:
        what = f"{'new sessions' if self.sessions else 'requests'} of {_service(self.before, self.now, self.request)}"
        was, is_ = _percents(self.before), _percents(self.now)
        parts = [f"{is_[name] - was[name]} % of {what} move to {name}" for name in is_ if is_[name] > was[name]]
        if not parts:
            parts = [f"{what} meet other pods: {_labels(self.before)} before, {_labels(self.now)} now"]
        more = f" and {self.others} more like it" if self.others else ""
        where = f"{told(self.request, self.methods)}{more}"
        return f"{', '.join(parts)} ({_shares(self.before)} before; {_shares(self.now)} now): {where}."


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything in which two versions of a mesh differ, and what was asked to find out."""

    changes: list[Change] = field(default_factory=list[Change])
    """What is opened comes first."""
    moves: list[Move] = field(default_factory=list[Move])
    settings: list[Difference] = field(default_factory=list[Difference])
    """Differences that answers do not show, or whose host has no request that shows them."""
    questions: int = 0
    left_out: int = 0
    """Combinations that were not asked since a place had too many."""
    asked_places: int = 0
    same_places: int = 0
    """Hosts that were not asked about, since every object that can decide there is the same."""
    values: Counter[str] = field(default_factory=Counter[str])
    """How many distinct values were tried, by dimension: paths, methods, headers, claims, ..."""
    not_followed: tuple[str, ...] = ()
    """What of either side no answer looks at."""


def changes(old: MeshView, new: MeshView) -> list[Change]:
    """Every request, of those worth asking of either mesh, whose outcome, status or destination has changed."""
    return compare(old, new).changes


def compare(old: MeshView, new: MeshView) -> Comparison:
    """Ask both versions everything that could tell them apart."""
    _share_assumptions(old, new)
    differing = differences(old, new)
    if not differing:
        return Comparison(same_places=len(places(old)))
    asked = same = questions = left_out = 0
    values: dict[str, set[str]] = defaultdict(set)
    told_by: set[str] = set()
    answered = _Answered(old, new)
    touched = _Touched(old, new, differing)
    for place in sorted(places(old) | places(new)):
        surveys = (Survey(old, place), Survey(new, place))
        if not touched.reaches(place, surveys):
            same += 1
            continue
        asked += 1
        wanted = Questions(surveys, place).asked()
        questions += len(wanted.requests)
        left_out += wanted.left_out
        for kind, tried in wanted.values.items():
            values[kind] |= tried
        if answered.ask(wanted.requests):
            told_by |= surveys[0].keys | surveys[1].keys
    found = answered.comparison()
    return Comparison(
        found.changes,
        found.moves,
        [one for one in differing if one.object not in told_by or not is_followed(one)],
        questions,
        left_out,
        asked,
        same,
        Counter({kind: len(tried) for kind, tried in values.items()}),
        tuple(dict.fromkeys([*not_followed(old), *not_followed(new)])),
    )


def _share_assumptions(old: MeshView, new: MeshView) -> None:
    """Let both versions assume the same of what neither shows: a change must not look like another assumption."""
    before = {tuple(sorted(edge.labels.items())): edge for edge in edges(old)}
    if not new.gateway_workloads:
        shared = [before.get(tuple(sorted(edge.labels.items())), edge) for edge in edges(new)]
        new.remember(EDGES, shared)
    compared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mesh in (old, new):
        for key, labels in labels_compared(mesh).items():
            compared[key] += labels
    for mesh in (old, new):
        mesh.remember(COMPARED, compared)


_EVERYWHERE = frozenset(
    {"HelmValues", "IstioOperator", "EnvoyFilter", "ConfigMap", "ReferenceGrant", "GatewayClass", "ListenerSet"}
)
"""Kinds whose change may concern any host: settings of the mesh, patches of proxies, and who may refer to what."""

_API_GATEWAY = f"({GATEWAY_API})"

_CALLERS = frozenset({"Sidecar", "ServiceAccount"})


class _Touched:
    """Which places the objects that differ can touch."""

    def __init__(self, old: MeshView, new: MeshView, differing: Sequence[Difference]) -> None:
        self._keys = {difference.object for difference in differing}
        kinds = {key.partition("/")[0] for key in self._keys}
        roots = (f"/{old.root_namespace}/", f"/{new.root_namespace}/")
        gateways = {pods.obj.key for mesh in (old, new) for pods in mesh.gateway_workloads}
        self._everywhere = bool(
            kinds & _EVERYWHERE
            or any(key.startswith("Gateway/") and key.endswith(_API_GATEWAY) for key in self._keys)
            or ("Namespace" in kinds and (old.has_ambient or new.has_ambient or old.api_gateways or new.api_gateways))
            or self._keys & gateways
            or any(root in key for key in self._keys for root in roots if key.partition("/")[0] in _POLICIES)
            or [(edge.key, edge.labels) for edge in edges(old)] != [(edge.key, edge.labels) for edge in edges(new)]
        )
        self._callers = bool(kinds & _CALLERS)

    def reaches(self, place: Place, surveys: Iterable[Survey]) -> bool:
        if self._everywhere or (self._callers and not place.outside):
            return True
        return any(not self._keys.isdisjoint(survey.keys) for survey in surveys)


_POLICIES = frozenset({"AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "Sidecar"})


class _Answered:
    """Answers of both versions, grouped by how they differ."""

    def __init__(self, old: MeshView, new: MeshView) -> None:
        self._old, self._new = old, new
        self._changed: dict[tuple[object, ...], list[tuple[Request, Answer, Answer]]] = defaultdict(list)
        self._moved: dict[tuple[object, ...], list[tuple[Request, Answer, Answer]]] = defaultdict(list)

    def ask(self, requests: Iterable[Request]) -> bool:
        """Whether some request ends otherwise now."""
        before_all = len(self._changed) + len(self._moved)
        for request in requests:
            before, now = answer(self._old, request), answer(self._new, request)
            if (before.outcome, before.status, before.destination) != (now.outcome, now.status, now.destination):
                path = request.path.partition("?")[0]
                key = (request.caller, request.host, path, _signature(before), _signature(now))
                self._changed[key].append((request, before, now))
            elif before.shares != now.shares and before.outcome is Outcome.ALLOWED:
                key = (request.host, before.shares, now.shares)
                self._moved[key].append((request, before, now))
        return len(self._changed) + len(self._moved) > before_all

    def comparison(self) -> Comparison:
        found = [_change(group) for group in self._changed.values()]
        found.sort(key=lambda change: (not change.opens, change.before.outcome is not Outcome.ALLOWED))
        return Comparison(found, [self._move(group) for group in self._moved.values()])

    def _move(self, group: list[tuple[Request, Answer, Answer]]) -> Move:
        request, before, now = min(group, key=lambda entry: _complexity(entry[0]))
        methods = _methods_like(request, group)
        sessions = any(request.path.partition("?")[0] in self._new.environment.mcp_paths for request, _, _ in group)
        return Move(request, methods, before.shares, now.shares, sessions, len(group) - len(methods))


def _signature(found: Answer) -> tuple[object, ...]:
    return (found.outcome, found.status, found.by, found.why, found.destination)


def _change(group: list[tuple[Request, Answer, Answer]]) -> Change:
    request, before, now = min(group, key=lambda entry: _complexity(entry[0]))
    methods = _methods_like(request, group)
    return Change(request, methods, before, now, len(group) - len(methods))


def _methods_like(chosen: Request, group: list[tuple[Request, Answer, Answer]]) -> tuple[str, ...]:
    """The methods of the requests that differ from one in their method only."""
    return tuple(
        dict.fromkeys(
            request.method
            for request, _, _ in group
            if (request.path, request.port, request.token, request.headers, request.gateway)
            == (chosen.path, chosen.port, chosen.token, chosen.headers, chosen.gateway)
        )
    )


def _complexity(request: Request) -> tuple[object, ...]:
    claims: Mapping[str, Any] = request.token.claims if request.token is not None else {}
    return (
        len(request.headers),
        len(claims),
        sum(1 for value in claims.values() if value in _INVENTED),
        request.call != "ping",
        len(request.path),
        request.method not in ("GET", "POST"),
    )


_INVENTED = frozenset({"other", "stranger", "x"})


def told(request: Request, methods: Sequence[str]) -> str:
    """A request in words: everything about it that may matter."""
    scheme = "https://" if request.caller == INTERNET and request.port != 80 else "http://"
    port = "" if request.port in (80, 443) else f":{request.port}"
    said = f"{'/'.join(methods)} {scheme}{request.host}{port}{request.path} from {request.caller}"
    if request.gateway:
        said += f" at {request.gateway}"
    if request.token is not None:
        said += f" with {_token(request.token)}"
    for name, value in request.headers.items():
        said += f", {name}: {value}"
    return said + (f", calling {request.call or 'something unreadable'}" if request.call != "ping" else "")


def _token(token: Token) -> str:
    if not token.genuine:
        return f"a forged token of {token.issuer}"
    said = f"a token of {token.issuer}"
    for name, value in token.claims.items():
        if value is None:
            said += f", without {name}"
        elif name not in ("iss", "exp") and value != "somebody":
            said += f", {name} {value}"
    return said


def _told(found: Answer, request: Request) -> str:
    status = f" with {found.status}" if found.status and found.outcome is not Outcome.ALLOWED else ""
    elsewhere = found.outcome is Outcome.ALLOWED and found.destination not in ("", request.host)
    leads = f", to {found.destination}" if elsewhere else ""
    return f"{found.outcome}{status} by {found.by} ({found.why.removesuffix(ASSUMED)}){leads}"


def _percents(shares: Sequence[Share]) -> Counter[str]:
    found: Counter[str] = Counter()
    for share in shares:
        found[share.name] += share.percent
    return found


def _service(before: Sequence[Share], now: Sequence[Share], request: Request) -> str:
    return next((share.host.partition(".")[0] for share in (*now, *before)), request.host)


def _shares(shares: Sequence[Share]) -> str:
    return ", ".join(f"{share.percent} % {share.name}" for share in shares) or "all alike"


def _labels(shares: Sequence[Share]) -> str:
    return ", ".join(
        f"{share.name} is {' '.join(f'{name}={value}' for name, value in share.pods) or 'every pod'}"
        for share in shares
    )
