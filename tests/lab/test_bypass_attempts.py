"""No attempt of any kind gets around the rules of the endpoint, and each kind does where its guard has been taken out.

The attempts are data (`tests/lab/bypass`); docs/bypass-attempts.md counts them.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.specs.auth import ToolRuleSpec
from chatgpt_mesh.mesh.specs.calls import AnonymousSpec
from tests.lab.bypass import attempt as attempts
from tests.lab.bypass.attempt import WIRES, Attempt, Forge, rendered
from tests.lab.bypass.kinds import CODEC, KINDS, Kind
from tests.lab.bypass.wire import Connections
from tests.lab.running_lab import new_id
from tests.lab.test_b07_invalid_tokens import without_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.running_lab import RunningLab

Edit = Callable[[dict[str, Any]], None]
CONNECTIONS = 4
NUMBER = "x-attempt"


def changes(lab: RunningLab) -> dict[str, Any]:
    """Everything that can be guarded, at once."""
    app = lab.stack.apps["chatgpt-mcp"]
    auth = lab.auth.model_copy(
        update={
            "tools_from": "body",
            "tools": {attempts.TOOL: ToolRuleSpec(scope=attempts.EXECUTE)},
            "anonymous": AnonymousSpec(tools=(attempts.PUBLIC_TOOL,)),
            "scopes": (attempts.USE,),
            "claims": {"role": (attempts.ROLE,)},
            "deny_subjects": (attempts.BANNED,),
        }
    )
    cors = app.cors.model_copy(update={"origins": (attempts.ORIGIN,)})
    # A limit would answer most of them before the guard that is meant.
    limit = app.rate_limit and app.rate_limit.model_copy(update={"requests": 10_000_000})
    return {"auth": auth, "cors": cors, "rate_limit": limit}


@pytest.fixture(scope="module", autouse=True)
def declared(lab: RunningLab) -> Iterator[None]:
    assert (lab.host, lab.mcp_url) == (attempts.HOST, attempts.RESOURCE)
    assert lab.auth.issuers[0].issuer == attempts.ISSUER
    with lab.declaring_app(**changes(lab)):
        yield


class Outcome:
    """What became of some attempts."""

    def __init__(self, lab: RunningLab, named: Sequence[tuple[str, Attempt]], wires: Iterable[str], only: str) -> None:
        self._mark = new_id("bypass")
        forge, address = Forge(lab.keys), lab.public.address
        sent = [
            (
                f"{wire}, {transport}: {name}",
                transport,
                rendered(one, wire, forge, **self._marks(f"{wire} {transport} {number}")),
            )
            for wire in wires
            for number, (name, one) in enumerate(named)
            for transport in one.transports
            if only in ("", transport)
        ]
        self._names = {dict(request.headers)[NUMBER]: name for name, _, request in sent}

        def share(number: int) -> list[tuple[str, int]]:
            with Connections(address) as gateway:
                return [(name, gateway.send(transport, one)) for name, transport, one in sent[number::CONNECTIONS]]

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            self.statuses = dict(itertools.chain.from_iterable(pool.map(share, range(CONNECTIONS))))
        seen = lab.seen(self._mark)
        self.reached = sorted({self._names.get(one["headers"].get(NUMBER, "")) or str(one["path"]) for one in seen})

    def _marks(self, number: str) -> Mapping[str, str]:
        return {"x-test-id": self._mark, NUMBER: number}


def outcome(lab: RunningLab, kind: Kind, *, wires: Iterable[str] = WIRES, path: str = "", only: str = "") -> Outcome:
    named = [(one.name, one) for one in kind.attempts]
    if path:
        named = [(name, one._replace(target=one.target.replace("/mcp", path, 1))) for name, one in named if _plain(one)]
    return Outcome(lab, named, wires, only)


def _plain(one: Attempt) -> bool:
    return one.target.partition("?")[0] == "/mcp" and not one.http2


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_the_call_that_they_are_made_of_gets_through(lab: RunningLab, wire: str, transport: str) -> None:
    found = Outcome(lab, [("good", Attempt("good"))], [wire], transport)
    assert found.reached == [f"{wire}, {transport}: good"], found.statuses


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_none_gets_through(lab: RunningLab, kind: Kind) -> None:
    found = outcome(lab, kind)
    assert found.reached == []
    answered = Counter(found.statuses.values())
    assert not {200, 202, 204, 429, 500, 502, 503} & answered.keys(), answered


def test_none_gets_through_by_the_other_spelling_where_both_are_one(lab: RunningLab) -> None:
    mcp = lab.stack.apps["chatgpt-mcp"].mcp
    assert mcp is not None
    same = lab.with_app(**changes(lab), mcp=mcp.model_copy(update={"trailing_slash": "same"}))
    with lab.declaring(same, over=lab.with_app(**changes(lab))):
        good = Outcome(lab, [("good", Attempt("good", target="/mcp/"))], WIRES, "")
        assert len(good.reached) == len(good.statuses) == 4, good.statuses
        reached = {kind.name: outcome(lab, kind, path="/mcp/").reached for kind in KINDS}
        assert {name: ways for name, ways in reached.items() if ways} == {}


# --- each guard, taken out


def without_routes(*parts: str) -> Edit:
    def edit(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [one for one in http if not any(f".mcp.{part}" in one["name"] for part in parts)]

    return edit


def open_to_all(path: str) -> Edit:
    """A route before all others that asks for nothing."""

    def edit(service: dict[str, Any]) -> None:
        leading = next(one for one in service["spec"]["http"] if one["name"].endswith(".health") and "route" in one)
        uri = {"prefix": path} if path.endswith("/") else {"exact": path}
        service["spec"]["http"].insert(0, {"name": "open", "route": leading["route"], "match": [{"uri": uri}]})

    return edit


def any_request(policy: dict[str, Any]) -> None:
    for rule in policy["spec"]["rules"]:
        for target in rule["to"]:
            for field in ("paths", "methods", "hosts"):
                target["operation"].pop(field, None)


def any_listener_host(gateway: dict[str, Any]) -> None:
    for server in gateway["spec"]["servers"]:
        if server["port"]["number"] == 443:
            server["hosts"] = [f"{host.partition('/')[0]}/*" for host in server["hosts"]]


def any_host(service: dict[str, Any]) -> None:
    service["spec"]["hosts"] = ["*"]
    # A call at another host is not read, and what is not read is refused.
    without_routes("unread-call", "tool-")(service)


def connection_manager(**fields: Any) -> Edit:
    def edit(filter_: dict[str, Any]) -> None:
        for patch in filter_["spec"]["configPatches"]:
            if patch["applyTo"] == "NETWORK_FILTER":
                patch["patch"]["value"]["typed_config"].update(fields)

    return edit


ROUTES = ("VirtualService", "chatgpt-production", "chatgpt-mcp")
POLICY = ("AuthorizationPolicy", "chatgpt-production", "chatgpt-mcp-callers")
EDGE = ("AuthorizationPolicy", "istio-ingress", "chatgpt-mcp-edge")
TOKENS = ("RequestAuthentication", "istio-ingress", "public-tokens")
HTTP = ("EnvoyFilter", "istio-ingress", "public-http")
LISTENERS = ("Gateway", "istio-ingress", "public")

Removal = Sequence[tuple[tuple[str, str, str], Edit | None]]
"""Objects that hold a kind, each edited or, where nothing says how, deleted."""
ANY_PATH: Removal = [(ROUTES, open_to_all("/")), (POLICY, any_request)]
UNVERIFIED: Removal = [(TOKENS, None), (ROUTES, open_to_all("/mcp"))]
READ: Removal = [(ROUTES, without_routes("unread-call", "tool-"))]

TAKEN_OUT: Mapping[str, Removal] = {
    "the path spelt otherwise": ANY_PATH,
    "pages of operators": ANY_PATH,
    "another method": [(ROUTES, open_to_all("/mcp")), (POLICY, any_request)],
    "another host": [(LISTENERS, any_listener_host), (ROUTES, any_host), (POLICY, any_request)],
    "the token elsewhere": [(ROUTES, open_to_all("/mcp"))],
    "a forged token": UNVERIFIED,
    "a token out of its time": UNVERIFIED,
    "a token of others": UNVERIFIED,
    "a token without end": [(ROUTES, without_condition("x-mcp-exp"))],
    "a token for others": [(ROUTES, without_condition("@request.auth.claims[aud]"))],
    "a token of nobody": [(ROUTES, without_condition("@request.auth.claims[sub]"))],
    "a denied subject": [(EDGE, None)],
    "a foreign origin": [(EDGE, None)],
    "a scope that is not granted": [(ROUTES, without_routes("scope"))],
    "a tool's scope that is not granted": [(ROUTES, without_routes("tool-"))],
    "a claim of another value": [(ROUTES, without_routes("claim"))],
    "a header with an underscore": [
        (HTTP, connection_manager(common_http_protocol_options={"headers_with_underscores_action": "ALLOW"}))
    ],
    "a session that nobody began": [(ROUTES, without_routes("no-session", "session-"))],
    "both lengths": [(HTTP, connection_manager(http_protocol_options={"allow_chunked_length": True}))],
}
"""By kind. Every other kind is held by the reader of calls and its routes."""


def removable() -> Iterator[tuple[str, ...]]:
    """Kinds that one removal opens together."""
    groups: dict[str, list[str]] = {}
    for kind in KINDS:
        if kind.guard != CODEC:
            removal = TAKEN_OUT.get(kind.name)
            shared = str(READ if removal is None else removal)
            groups.setdefault(shared, []).append(kind.name)
    return iter(map(tuple, groups.values()))


@pytest.mark.parametrize("names", list(removable()), ids=", ".join)
def test_each_kind_gets_through_without_its_guard(lab: RunningLab, names: tuple[str, ...]) -> None:
    kinds = [kind for kind in KINDS if kind.name in names]
    with contextlib.ExitStack() as stack:
        for (kind, namespace, name), edit in TAKEN_OUT.get(names[0], READ):
            if edit is None:
                stack.enter_context(lab.objects.without(kind, namespace, name))
            else:
                stack.enter_context(lab.objects.edited(kind, namespace, name, edit))
        reached = {kind.name: len(outcome(lab, kind, wires=["legacy"], only="h1").reached) for kind in kinds}
    assert all(reached.values()), reached
