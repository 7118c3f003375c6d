"""Questions that are worth asking of a stack: what is declared, with one or two things about it changed.

Each is a request as the checker is asked about it and as it is sent, with who sends it. Half of them begin as what a
declaration lets in, so that both answers come up often.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.workloads import request as wire
from meshlint.reachability.request import INTERNET, PLAINTEXT, Request
from tests.lab.random_mesh.bodies import PING, body, calls, has_body
from tests.lab.random_mesh.one_node import JOBS
from tests.lab.random_mesh.tokens import WRONG, Bearer, token
from tests.lab.random_mesh.workloads import NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.stack.settings import Settings
    from lab.workloads.tokens import Keys

OUTSIDE = 140
INSIDE = 100
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STRANGER = ("other-team", "reporting")
PLAIN = ("outside-mesh", "plain")
FOREIGN_ORIGIN = "https://evil.example.net"
_PROBES = (
    "/",
    "/metrics",
    "/undeclared",
    "/health",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openai-apps-challenge",
    "/.well-known/security.txt",
    "/robots.txt",
)
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Sender:
    """A workload that sends: by the label `app` of its pods, or as an app of the stack."""

    namespace: str
    label: str
    account: str
    in_mesh: bool = True

    @property
    def caller(self) -> str:
        return f"{self.namespace}/{self.account}" if self.in_mesh else PLAINTEXT


@dataclass(frozen=True, slots=True)
class Question:
    asked: Request
    sent: wire.Request
    sender: Sender | None = None
    """None: a client outside the mesh."""
    note: str = ""
    """What kind of token it carries."""

    def __str__(self) -> str:
        further = dict(self.asked.headers)
        via = f" at {self.asked.gateway}" if self.asked.gateway else ""
        call = f" calling {self.asked.call or 'what cannot be read'}" if self.asked.call != PING else ""
        return f"{self.asked} on port {self.asked.port}{via}{call} ({self.note}) {further or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Edges:
    """How clients outside reach the gateways: addresses by name, and a certificate of their own."""

    addresses: Mapping[str, str]
    certificate: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A path of an app as it is declared, with its methods."""

    app: AppSpec
    host: str
    path: str
    methods: Sequence[str]
    gateway: str = ""
    mcp: bool = False


def questions(stack: Settings, edges: Edges, keys: Keys, seed: int) -> list[Question]:
    choice = random.Random(f"questions of {seed}")  # noqa: S311 - no secret, and the same each time
    outside = _Outside(stack, edges, keys, choice)
    inside = _Inside(stack, choice)
    return [*(outside.one() for _ in range(OUTSIDE)), *(inside.one() for _ in range(INSIDE))]


def declared(app: AppSpec, host: str, gateway: str = "") -> Iterator[Target]:
    """What an app declares, by the paths that its clients use: those of the gateway outside, its own inside."""
    if app.mcp is not None:
        yield Target(app, host, app.mcp.path, app.mcp.methods, gateway, mcp=True)
    for route in app.routes:
        path = route.path if gateway else route.upstream_path
        if gateway or route.own:
            yield Target(app, host, f"{path}item" if route.prefix is not None else path, route.methods, gateway)
    for caller in () if gateway else app.callers:
        for path in caller.paths:
            yield Target(app, host, f"{path}item" if path.endswith("/") else path, caller.methods or ("GET", "POST"))


def neighbour(path: str, choice: random.Random) -> str:
    """A path that is nearly the declared one, or that somebody might read as it."""
    head, _, last = path.rpartition("/")
    letter = last[:1] or "x"
    return choice.choice(
        (
            f"{path}/",
            f"{path}x",
            path[:-1] or "/",
            head or "/",
            path.upper(),
            f"/{path}",
            f"{path}?access_token=x&q=/",
            f"{path};v=1",
            f"{path}%2f..",
            f"{path}%00",
            f"{path}/../{last}",
            f"{path}/../metrics",
            f"{path}/%2e%2e/metrics",
            f"{head}/./{last}",
            f"{head}/%{ord(letter):02x}{last[1:]}",
            f"{head}/\\{last}",
        )
    )


class _Outside:
    """Clients of the gateways."""

    def __init__(self, stack: Settings, edges: Edges, keys: Keys, choice: random.Random) -> None:
        self.stack, self.edges, self.keys, self.choice = stack, edges, keys, choice
        self.targets = [
            target
            for app in stack.apps.values()
            for exposure in app.exposures
            for target in declared(app, exposure.host, exposure.gateway)
        ]

    def one(self) -> Question:
        choice = self.choice
        target = choice.choice(self.targets)
        method, path, kind, origin = choice.choice(list(target.methods)), target.path, "valid", ""
        host, gateway = target.host, target.gateway
        port = _port(self.stack.gateways[gateway], host)
        for change in choice.sample(CHANGES, choice.choice((0, 0, 0, 1, 1, 1, 2))):
            match change:
                case "method":
                    method = choice.choice(METHODS)
                case "path":
                    path = choice.choice((neighbour(path, choice), neighbour(path, choice), choice.choice(_PROBES)))
                case "token":
                    kind = choice.choice(("none", *WRONG))
                case "origin":
                    origin = choice.choice((*target.app.cors.origins, FOREIGN_ORIGIN, "null"))
                case "preflight":
                    method, kind, origin = "OPTIONS", "none", choice.choice((*target.app.cors.origins, FOREIGN_ORIGIN))
                case "host":
                    host = choice.choice(self._other_hosts(target))
                case "gateway":
                    gateway = choice.choice(list(self.edges.addresses))
                    port = choice.choice(_https_ports(self.stack.gateways[gateway]))
                case _:
                    port = 80 if _answers_http(self.stack.gateways[gateway]) else port
        headers = self._headers(target, kind, method, preflight=method == "OPTIONS" and bool(origin), origin=origin)
        bearer = None if kind == "none" else token(self.keys, target.app, target.host, kind, choice)
        call = choice.choice(calls(target.app.auth)) if target.mcp and choice.random() < 0.7 else PING
        asked = Request(INTERNET, host, path, method, port, headers=headers, call=call)
        return self._question(asked, gateway, bearer, kind)

    def _other_hosts(self, target: Target) -> list[str]:
        known = {exposure.host for app in self.stack.apps.values() for exposure in app.exposures}
        unknown = ("unknown.example.com", "elsewhere.example.net", f"x.{target.host}")
        return sorted({*known, *unknown, target.host.upper()} - {target.host})

    def _headers(self, target: Target, kind: str, method: str, *, preflight: bool, origin: str) -> dict[str, str]:
        headers = {"origin": origin} if origin else {}
        if preflight:
            return headers | {"access-control-request-method": target.methods[0]}
        if has_body(method):
            headers["content-type"] = "application/json"
        if target.mcp and method == "POST" and target.app.auth and target.app.auth.tools:
            tools = [*target.app.auth.tools, "whoami"]
            headers |= self.choice.choice(
                (
                    {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}
                    | {"mcp-name": self.choice.choice(tools)},
                    {"mcp-protocol-version": "2026-07-28", "mcp-method": "ping"},
                    {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"},
                    {"mcp-protocol-version": "2025-11-25"},
                    {},
                )
            )
        return headers

    def _question(self, asked: Request, gateway: str, bearer: Bearer | None, kind: str) -> Question:
        spec = self.stack.gateways[gateway]
        certificate = asked.port != 80 and self.choice.random() < 0.9
        asked = replace(
            asked,
            token=None if bearer is None else bearer.told,
            gateway=f"{spec.home}/{spec.release_name}",
            client_certificate=certificate,
        )
        shown = self.edges.certificate if certificate else (None, None)
        sent = wire.Request(
            url=f"{_origin(asked)}{asked.path}",
            method=asked.method,
            headers={**asked.headers, **({} if bearer is None else {"authorization": f"Bearer {bearer.text}"})},
            body=body(asked.method, asked.call),
            address=self.edges.addresses[gateway],
            client_certificate=shown[0],
            client_key=shown[1],
            timeout=_TIMEOUT_SECONDS,
        )
        return Question(asked, sent, None, f"{kind} token{', certificate' if certificate else ''}")


def _port(gateway: GatewaySpec, host: str) -> int:
    listener = gateway.listener_of(host)
    return 443 if listener is None else gateway.listeners[listener].port


def _https_ports(gateway: GatewaySpec) -> list[int]:
    return [listener.port for listener in gateway.listeners.values() if listener.protocol == "HTTPS"]


def _answers_http(gateway: GatewaySpec) -> bool:
    """Whether its Service has port 80, for HTTP: what an address of the cluster has no port for leaves the cluster."""
    return gateway.serves_redirect and all(listener.port != 80 for listener in gateway.listeners.values())


def _origin(asked: Request) -> str:
    """Scheme, host and port as clients write them."""
    scheme = "http" if asked.port == 80 else "https"
    return f"{scheme}://{asked.host}{'' if asked.port in (80, 443) else f':{asked.port}'}"


CHANGES = ("method", "path", "path", "token", "token", "origin", "preflight", "host", "gateway", "port")


class _Inside:
    """Workloads of the cluster that call apps by their Services."""

    def __init__(self, stack: Settings, choice: random.Random) -> None:
        self.stack, self.choice = stack, choice
        self.targets = [
            target
            for app in stack.apps.values()
            if app.service is not None
            # most where somebody is let in: what nobody may call is refused in one way alone
            for target in (*declared(app, app.service_host), Target(app, app.service_host, "/undeclared", ("GET",)))
            for _ in range(4 if app.callers else 1)
        ]

    def one(self) -> Question:
        choice = self.choice
        target = choice.choice(self.targets)
        welcome = list(_declared_callers(self.stack, target.app))
        strangers = [*_apps(self.stack), *_strangers(self.stack)]
        sender = choice.choice(welcome) if welcome and choice.random() < 0.75 else choice.choice(strangers)
        method, path, host = choice.choice(list(target.methods)), target.path, target.host
        for change in choice.sample(("method", "path", "host"), choice.choice((0, 0, 0, 1, 1, 2))):
            match change:
                case "method":
                    method = choice.choice(METHODS)
                case "path":
                    path = choice.choice((neighbour(path, choice), choice.choice(_PROBES)))
                case _:
                    host = choice.choice((host.removesuffix(".svc.cluster.local"), host.removesuffix(".cluster.local")))
        service = target.app.service
        assert service is not None
        asked = Request(sender.caller, host, path, method, service.port)
        url = f"http://{host}{'' if service.port == 80 else f':{service.port}'}{path}"
        sent = wire.Request(url=url, method=method, body=body(method, PING), timeout=_TIMEOUT_SECONDS)
        return Question(asked, sent, sender, "no token")


def _declared_callers(stack: Settings, app: AppSpec) -> Iterator[Sender]:
    for caller in app.callers:
        if caller.app is not None:
            yield _app_sender(stack.apps[caller.app])
        else:
            yield Sender(JOBS[0], JOBS[1], JOBS[1])


def _apps(stack: Settings) -> Iterator[Sender]:
    return (_app_sender(app) for app in stack.apps.values())


def _app_sender(app: AppSpec) -> Sender:
    return Sender(app.namespace, app.pod_labels.get("app", app.name), app.identity_name)


def _strangers(stack: Settings) -> Iterator[Sender]:
    yield Sender(*STRANGER, STRANGER[1])
    yield Sender(*JOBS, JOBS[1])
    yield Sender(*PLAIN, PLAIN[1], in_mesh=False)
    for namespace in sorted({app.namespace for app in stack.apps.values()}):
        yield Sender(namespace, NEIGHBOUR, NEIGHBOUR)
