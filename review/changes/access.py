"""Who gains or loses access, and what share moves: meshlint's comparison, one sentence for what a reader counts as one.

The linter lists requests. Here all requests of one caller to one app that begin to pass are one sentence, whatever
paths, ports and tokens they were asked with; and so are all routes in which the same share moves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.review.changes.sentence import Sentence, Topic, listed_words
from meshlint.reachability.request import INTERNET, PLAINTEXT, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meshlint.reachability.compare import Change, Comparison, Move
    from meshlint.reachability.request import Request, Share

MOST_PATHS = 5
"""Paths that one sentence lists."""

GAINS, LOSES, ELSEWHERE, OTHERWISE = "gains", "loses", "elsewhere", "otherwise"


@dataclass(frozen=True, slots=True)
class Names:
    """What people call the hosts and workloads of a mesh."""

    apps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of apps by the hosts of their Services."""
    callers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of apps and gateways by NAMESPACE/SERVICEACCOUNT."""

    def host(self, host: str) -> str:
        return self.apps.get(host, host)

    def caller(self, caller: str) -> str:
        namespace, _, account = caller.partition("/")
        if caller == INTERNET:
            return "Clients outside"
        if caller == PLAINTEXT:
            return "Pods without a sidecar"
        if account == "stranger":
            home = "any other namespace" if namespace == "elsewhere" else f"namespace {namespace}"
            return f"Any workload of {home}"
        return self.callers.get(caller, caller)


def access(
    found: Comparison, names: Names, declared: Mapping[tuple[str, str], tuple[str, ...]] | None = None
) -> Iterator[Sentence]:
    """What is opened first; then what is lost, what is led elsewhere, and what is refused in another way.

    `declared`: paths of callers that only one version declares, by the names of caller and app.
    """
    groups: dict[tuple[str, str, str, str], list[Change]] = defaultdict(list)
    for change in found.changes:
        kind = _kind(change)
        token = "" if kind in (GAINS, LOSES) and change.request.caller != INTERNET else _token(change.request)
        groups[kind, change.request.caller, names.host(change.request.host), token].append(change)
    for kind in (GAINS, LOSES, ELSEWHERE):
        for (its, caller, host, token), group in groups.items():
            if its == kind:
                who = names.caller(caller)
                tells = (declared or {}).get((who, host), ())
                yield replace(_sentence(kind, who, host, token, group), tells=tells)
    refused = [change for (kind, *_), group in groups.items() if kind == OTHERWISE for change in group]
    yield from _refused(refused, names)


def _kind(change: Change) -> str:
    was, is_ = change.before.outcome is Outcome.ALLOWED, change.now.outcome is Outcome.ALLOWED
    if was and is_:
        return ELSEWHERE
    return GAINS if is_ else LOSES if was else OTHERWISE


def _sentence(kind: str, caller: str, host: str, token: str, group: Sequence[Change]) -> Sentence:
    simplest = min(group, key=lambda change: len(_conditions(change.request)))
    what = _paths(group)
    on = f"{host}: {what}{token}{_conditions(simplest.request)}"
    match kind:
        case "gains":
            return Sentence(Topic.ACCESS, f"{caller} may now reach {on}.", opens=True)
        case "loses":
            now = simplest.now
            status = f"answers {now.status}" if now.status else "takes no connection"
            return Sentence(Topic.ACCESS, f"{caller} may no longer reach {on}; it {status} now.")
        case _:
            was, is_ = simplest.before.destination or "the mesh itself", simplest.now.destination or "the mesh itself"
            return Sentence(Topic.ACCESS, f"{caller} is answered by {is_} in place of {was} at {on}.")


def _refused(changes: Sequence[Change], names: Names) -> Iterator[Sentence]:
    """Refusals that clients see as another status. Who is refused in another place of the mesh notices nothing."""
    groups: dict[tuple[str, str, int, int], list[Change]] = defaultdict(list)
    for change in changes:
        before, now = change.before.status, change.now.status
        if change.request.caller == INTERNET and before != now and before and now:
            groups[names.caller(INTERNET), names.host(change.request.host), before, now].append(change)
    for (caller, host, before, now), group in groups.items():
        simplest = min(group, key=lambda change: len(_conditions(change.request)))
        more = sum(change.others + 1 for change in group) - 1
        alike = f", and {more} requests like it" if more else ""
        asked = f"{'/'.join(simplest.methods)} {_path(simplest)}{_token(simplest.request)}"
        yield Sentence(
            Topic.ACCESS,
            f"{caller} get {now} in place of {before} from {host}: {asked}{_conditions(simplest.request)}{alike}.",
        )


def _paths(group: Iterable[Change]) -> str:
    methods: dict[str, list[str]] = defaultdict(list)
    for change in group:
        methods[_path(change)] += [one for one in change.methods if one not in methods[_path(change)]]
    by_methods: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in sorted(methods, key=len):
        below = any(path != other and other.endswith("/") and path.startswith(other) for other in methods)
        if not below:
            by_methods[tuple(methods[path])].append(path)
    told: list[str] = []
    for verbs, paths in by_methods.items():
        shown = [*paths[:MOST_PATHS], *([f"{len(paths) - MOST_PATHS} more"] if len(paths) > MOST_PATHS else [])]
        told.append(f"{'/'.join(verbs)} {listed_words(shown)}")
    return ", ".join(told)


def _path(change: Change) -> str:
    return change.request.path.partition("?")[0]


def _token(request: Request) -> str:
    if request.token is None:
        return " without a token" if request.caller == INTERNET else ""
    return f" with a {'' if request.token.genuine else 'forged '}token of {request.token.issuer or 'nobody'}"


_USUAL = frozenset({"iss", "aud"})


def _conditions(request: Request) -> str:
    """What a request must carry beside a plain token."""
    claims: Mapping[str, Any] = request.token.claims if request.token is not None and request.token.genuine else {}
    rest = {name: value for name, value in claims.items() if name not in _USUAL and value != "somebody"}
    said = [f"{name} {value}" for name, value in rest.items()]
    said += [f"{name}: {value}" for name, value in request.headers.items()]
    said += [] if request.call == "ping" else [f"calling {request.call or 'something unreadable'}"]
    said += [f"port {request.port}"] if request.caller == INTERNET and request.port not in (80, 443) else []
    return f", {', '.join(said)}" if said else ""


def shares(found: Comparison, names: Names) -> Iterator[Sentence]:
    """One sentence for each app and way in which its traffic moves."""
    groups: dict[tuple[str, tuple[Share, ...], tuple[Share, ...]], list[Move]] = defaultdict(list)
    for move in found.moves:
        service = next((share.host for share in (*move.now, *move.before)), move.request.host)
        groups[names.host(service), move.before, move.now].append(move)
    simplest = {key: min(moves, key=lambda move: len(_conditions(move.request))) for key, moves in groups.items()}
    plain = Counter(key[0] for key, move in simplest.items() if not _conditions(move.request))
    for key, move in simplest.items():
        service, conditions = key[0], _conditions(move.request)
        whose = f" with{conditions[1:]}" if conditions else ""
        if not conditions and plain[service] > 1:
            # Each host, or way in, has shares of its own.
            hosts = dict.fromkeys(names.host(one.request.host) for one in groups[key])
            whose = f" at {listed_words(host for host in hosts if host != service)}" if hosts.keys() - {service} else ""
        yield Sentence(
            Topic.TRAFFIC,
            _moved(service, move, whose),
            tells=(f"apps.{service}.rollout.canary.percent",) if plain[service] else (),
        )


def _moved(service: str, move: Move, whose: str) -> str:
    was, is_ = _percents(move.before), _percents(move.now)
    names = dict.fromkeys([*was, *is_])
    gain = {name: is_.get(name, 0) - was.get(name, 0) for name in names}
    what = f"{'new sessions' if move.sessions else 'requests'} of {service}{whose}"
    losers = listed_words(name for name in names if gain[name] < 0)
    moved = [f"{gain[name]} % of {what} move from {losers} to {name}" for name in names if gain[name] > 0]
    shown = ", ".join(f"{percent} % {name}" for name, percent in is_.items()) or "all alike"
    if not moved:
        return f"{what[0].upper()}{what[1:]} meet other pods: {_labels(move.before)} before, {_labels(move.now)} now."
    return f"{listed_words(moved)}; now {shown}."


def _percents(shares: Iterable[Share]) -> dict[str, int]:
    found: dict[str, int] = {}
    for share in shares:
        found[share.name] = found.get(share.name, 0) + share.percent
    return found


def _labels(shares: Iterable[Share]) -> str:
    return listed_words(
        f"{share.name} is {' '.join(f'{name}={value}' for name, value in share.pods) or 'every pod'}"
        for share in shares
    )
