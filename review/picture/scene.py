"""What a picture shows, before anybody has placed it: gateways, apps, destinations, and the calls between them.

Everything comes from the declaration and from the linter. Secrets have no place in either: keys of issuers and
passwords are not read here, and names of Secrets are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from chatgpt_mesh.mesh.graph import own_endpoints
from chatgpt_mesh.mesh.objects.rollout import shares
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.graph import Edge, Identity
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.review.version import Version

MOST_TOOLS = 4
"""Tools with their scopes that a card lists; the tooltip has all."""

MOST_PATHS = 4
"""Paths beside the MCP path that a card lists."""

Severity = Literal["error", "warning", "exception"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is wrong at a place, or accepted there until a day."""

    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card. `id` is where calls begin or end, if not at the card as a whole."""

    text: str
    id: str = ""
    kind: Literal["plain", "muted", "host"] = "plain"


@dataclass(frozen=True, slots=True)
class Card:
    """One box: a gateway, an app, callers of other teams, or hosts outside."""

    id: str
    """Path of the declaration: `apps.weather`, `gateways.public`; `callers`, `called` and `outside` for groups."""
    kind: Literal["public", "internal", "egress", "app", "callers", "called", "outside"]
    title: str
    rows: tuple[Row, ...] = ()
    namespace: str = ""
    versions: tuple[tuple[str, int], ...] = ()
    """Name and whole percent of new sessions."""
    marks: tuple[Mark, ...] = ()
    details: tuple[str, ...] = ()
    """Sentences for whoever asks for more."""


@dataclass(frozen=True, slots=True)
class Call:
    """From one card, or row of one, to another."""

    source: str
    target: str
    kind: Literal["serve", "call", "leave"]
    label: str
    """Paths and methods, or a port."""


@dataclass(frozen=True)
class Scene:
    title: str
    cards: tuple[Card, ...]
    calls: tuple[Call, ...]
    marks: tuple[Mark, ...] = field(default=())
    """What concerns no single card."""
    as_cards: bool = False
    """Each app as a card, however many there are."""

    @property
    def apps(self) -> tuple[Card, ...]:
        return tuple(card for card in self.cards if card.kind == "app")

    @cached_property
    def _places(self) -> dict[str, Card]:
        return {place: card for card in self.cards for place in (card.id, *(row.id for row in card.rows if row.id))}

    def card_of(self, place: str) -> Card | None:
        """The card that is, or has, this place."""
        return self._places.get(place)

    def around(self, namespace: str) -> Scene:
        """The apps of one namespace, each as a card, with whom they call and are called by."""
        own = {card.id for card in self.apps if card.namespace == namespace}
        near: dict[tuple[Literal["callers", "called"], str], dict[str, Row]] = {}

        def end(place: str, role: Literal["callers", "called"]) -> str:
            card = self.card_of(place)
            if card is None or card.kind != "app" or card.id in own:
                return place
            # An app that calls and is called stands on both sides.
            mark = f"{place} {role}"
            near.setdefault((role, card.namespace), {})[mark] = Row(card.title, mark, "host")
            return mark

        calls = [
            replace(call, source=end(call.source, "callers"), target=end(call.target, "called"))
            for call in self.calls
            if call.source in own or call.target in own
        ]
        places = {place for call in calls for place in (call.source, call.target)} | own
        cards = [_narrowed(card, places) for card in self.cards if places & {card.id, *(row.id for row in card.rows)}]
        cards += [
            Card(f"{role} {home}", role, f"{'from' if role == 'callers' else 'to'} {home}", tuple(rows.values()))
            for (role, home), rows in near.items()
        ]
        return Scene(f"{self.title}: {namespace}", tuple(cards), tuple(calls), as_cards=True)


def _narrowed(card: Card, places: Iterable[str]) -> Card:
    if card.kind == "app":
        return card
    rows = tuple(row for row in card.rows if not row.id or row.id in places)
    return replace(card, rows=rows)


def scene(version: Version, *, title: str | None = None) -> Scene:
    """The whole stack."""
    marks = _marks(version)
    gateways = [_gateway(version, one, marks) for one in version.mesh.gateways.values()]
    sources = _sources(version)
    apps = [_app(version, one, marks, sources) for one in version.settings.apps.values()]
    calls = [*_served_and_called(version, sources), *_leaving(version)]
    callers = dict.fromkeys(call.source for call in calls if call.source.startswith("callers."))
    cards = [*gateways, *apps]
    if callers:
        rows = tuple(Row(one.removeprefix("callers."), one, "host") for one in callers)
        cards.insert(0, Card("callers", "callers", "Callers of other teams", rows))
    outside = _outside(version)
    if outside is not None:
        cards.append(outside)
    elsewhere = [mark for path, found in marks.items() for mark in found if not any(c.id == path for c in cards)]
    return Scene(title or f"Mesh of the stack {version.name}", tuple(cards), tuple(calls), tuple(elsewhere))


def _marks(version: Version) -> dict[str, list[Mark]]:
    """Findings, dated exceptions and accepted risks, by the path of the card that they belong to."""
    found: dict[str, list[Mark]] = {}

    def add(path: str, severity: Severity, text: str) -> None:
        found.setdefault(_place(version, path), []).append(Mark(severity, text))

    errors, warnings = version.findings()
    for severity, problems in (("error", errors), ("warning", warnings)):
        for problem in problems:
            add(problem.path, "error" if severity == "error" else "warning", str(problem))
    for one in version.settings.security.exceptions:
        text = f"until {one.until.isoformat()}: port {one.port} takes plaintext ({one.why})"
        add(f"apps.{one.workload}", "exception", text)
    owners = {owned.resource.key: owned.owner for owned in version.mesh.objects}
    for risk in version.settings.accept:
        text = f"until {risk.until.isoformat()}: {risk.code} is accepted ({risk.why})"
        add(owners.get(risk.object, risk.object), "exception", text)
    return found


def _place(version: Version, path: str) -> str:
    section, _, rest = path.partition(".")
    known = {"apps": version.settings.apps, "gateways": version.mesh.gateways}.get(section, {})
    # A path goes on with `.`, `[` or, before the object's name, `:`.
    named = (name for name in known if rest == name or rest.startswith((f"{name}.", f"{name}[", f"{name}:")))
    name = max(named, key=len, default=None)
    return section if name is None else f"{section}.{name}"


_KINDS = {
    "public": "from the internet",
    "internal": "from inside the VPC",
    "egress": "the way out",
}


def _gateway(version: Version, gateway: GatewaySpec, marks: dict[str, list[Mark]]) -> Card:
    rows: list[Row] = []
    for listener in gateway.listeners.values():
        if listener.destination is not None:
            target = f"{listener.destination.host.removesuffix('.svc.cluster.local')}:{listener.destination.port}"
            rows.append(Row(f"{listener.protocol} {listener.port} to {target}", kind="muted"))
        else:
            rows.append(Row(f"{', '.join(listener.hosts)}:{listener.port}", kind="muted"))
            if listener.tls is not None and listener.tls.client_certificates is not None:
                rows.append(Row("asks for client certificates", kind="muted"))
    for app in version.settings.apps.values():
        for exposure in app.exposures:
            if exposure.gateway == gateway.name:
                leads = " (redirects)" if exposure.redirect else ""
                rows.append(Row(f"{exposure.host}{leads}", f"{gateway.declared_at}/{exposure.host}", "host"))
    if gateway.kind == "egress":
        rows += [
            Row(f"{one.host or one.address}:{one.port}", _outside_id(version, index), "host")
            for index, one in enumerate(version.settings.egress.allow)
            if _egress_card(version, index) == gateway.declared_at
        ]
    details = (
        f"{gateway.kind} gateway {gateway.name}, {_KINDS[gateway.kind]}",
        f"pods {gateway.release_name} in {gateway.home}, {gateway.least_replicas} at least",
        f"identity {version.mesh.graph.principal(version.mesh.graph.gateway_identity(gateway))}",
    )
    own = tuple(marks.get(gateway.declared_at, ()))
    title = f"{gateway.name}: {_KINDS[gateway.kind]}"
    return Card(gateway.declared_at, gateway.kind, title, tuple(rows), gateway.home, (), own, details)


def _app(version: Version, app: AppSpec, marks: dict[str, list[Mark]], sources: Mapping[Identity, str]) -> Card:
    graph = version.mesh.graph
    rows = list(_app_rows(app))
    division = () if app.rollout is None else shares(app.rollout)
    if app.rollout is not None:
        rows += [
            Row(f"{one.percent} % {one.version} of {name}", kind="muted")
            for name, one in app.rollout.experiments.items()
        ]
    details = [f"App {app.name}", f"identity {graph.principal(graph.app_identity(app))}"]
    details += [f"called by {_source(sources, edge)}: {_asked(edge)}" for edge in graph.edges[app.name]]
    return Card(
        app.declared_at,
        "app",
        app.name,
        tuple(rows),
        app.namespace,
        division,
        tuple(marks.get(app.declared_at, ())),
        (*details, *(row.text for row in rows), *_all_tools(app)),
    )


def _app_rows(app: AppSpec) -> Iterator[Row]:
    yield Row(f"account {app.identity_name}", kind="muted")
    if app.maintenance is not None:
        yield Row("maintenance: answers 503")
    if app.mcp is not None:
        eras = {"both": "both eras", "legacy": "legacy era", "modern": "modern era"}[app.mcp.era]
        yield Row(f"MCP {app.mcp.path}, {eras}")
    if app.auth is not None:
        for issuer in app.auth.issuers:
            yield Row(f"token of {issuer.issuer.removeprefix('https://')}")
        tools = list(app.auth.tools.items())
        for tool, rule in tools[:MOST_TOOLS]:
            yield Row(f"tool {tool}")
            yield Row(f"needs {rule.scope}", kind="muted")
        if len(tools) > MOST_TOOLS:
            yield Row(f"and {len(tools) - MOST_TOOLS} more tools", kind="muted")
        if app.auth.anonymous is not None:
            yield Row("some calls without a token")
    elif app.served:
        yield Row("open to everybody")
    for _, _, limit in app.limits:
        yield Row(f"{limit.requests} in {duration_text(limit.every)} per {limit.per}")
    own = [f"{'/'.join(one.methods)} {one.path}" for one in own_endpoints(app)[0 if app.mcp is None else 1 :]]
    for one in own[:MOST_PATHS]:
        yield Row(one)
    if len(own) > MOST_PATHS:
        yield Row(f"and {len(own) - MOST_PATHS} more paths", kind="muted")
    for route in app.routes:
        if route.mirror is not None:
            yield Row(f"{route.mirror.percent:g} % of {route.path} copied to {route.mirror.version}", kind="muted")


def _all_tools(app: AppSpec) -> list[str]:
    return [] if app.auth is None else [f"tool {name} needs {rule.scope}" for name, rule in app.auth.tools.items()]


def _sources(version: Version) -> dict[Identity, str]:
    graph = version.mesh.graph
    apps = {graph.app_identity(app): app.declared_at for app in version.settings.apps.values()}
    return apps | {graph.gateway_identity(one): one.declared_at for one in version.mesh.gateways.values()}


def _source(sources: Mapping[Identity, str], edge: Edge) -> str:
    """A gateway, an app, or a service account of another team."""
    return sources.get(edge.source) or f"callers.{edge.source.namespace}/{edge.source.service_account}"


def _asked(edge: Edge) -> str:
    return ", ".join(f"{'/'.join(one.methods)} {one.path}" for one in edge.endpoints) or "bytes"


def _served_and_called(version: Version, sources: Mapping[Identity, str]) -> Iterator[Call]:
    for name, edges in version.mesh.graph.edges.items():
        for edge in edges:
            source = _source(sources, edge)
            if not source.startswith("gateways."):
                yield Call(source, f"apps.{name}", "call", _asked(edge))
                continue
            # The path that declares it says by which host: `apps.chatgpt-mcp.further_hosts.0.host`.
            host = edge.hosts[0] if edge.hosts else ""
            yield Call(f"{source}/{host}" if host else source, f"apps.{name}", "serve", _asked(edge))


def _egress_card(version: Version, index: int) -> str:
    egress = version.settings.egress
    if egress.via_of(egress.allow[index]) == "gateway":
        return f"gateways.{egress.gateway_name(version.settings.gateways)}"
    return "outside"


def _outside_id(version: Version, index: int) -> str:
    return f"{_egress_card(version, index)}/{index}"


def _outside(version: Version) -> Card | None:
    rows = tuple(
        Row(f"{one.host or one.address}:{one.port}", _outside_id(version, index), "host")
        for index, one in enumerate(version.settings.egress.allow)
        if _egress_card(version, index) == "outside"
    )
    return Card("outside", "outside", "Outside, without a gateway", rows) if rows else None


def _leaving(version: Version) -> Iterator[Call]:
    for index, one in enumerate(version.settings.egress.allow):
        for caller in one.from_:
            source = (
                f"apps.{caller}" if isinstance(caller, str) else f"callers.{caller.namespace}/{caller.service_account}"
            )
            yield Call(source, _outside_id(version, index), "leave", f"{one.host or one.address}:{one.port}")
