"""Findings of the checker that a person decides, said where the stack file decides them.

The checker speaks of objects. Most of what it finds in them is a mistake of this program's, and reads as such. What is
left follows from a value that somebody has written and may have meant: it is said at that value's path, with the way to
accept it. What the declaration itself answers, with a date or a word of its own, is not said again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.networking import Gateway
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.mesh.specs.gateways import covers
from chatgpt_mesh.mesh.specs.grants import at_gateway
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.rollout import pins

if TYPE_CHECKING:
    import meshlint
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.app import AppSpec


class _Case(NamedTuple):
    mesh: Mesh
    owner: str
    """Path of the declaration of the object; empty for a chart's values."""
    finding: meshlint.Finding

    @property
    def field(self) -> str:
        """The last name on the finding's path."""
        return next((step for step in reversed(self.finding.path) if isinstance(step, str)), "")

    def step(self, name: str) -> int:
        """The position in a list of the object."""
        position = self.finding.path[self.finding.path.index(name) + 1]
        assert isinstance(position, int), self.finding  # noqa: S101
        return position

    @property
    def app(self) -> str:
        """The app that owns the object."""
        return self.owner.split(".")[1]

    @property
    def version(self) -> str | None:
        """The version of the app that the object is about."""
        if "subsets" not in self.finding.path:
            return None
        rollout = self.mesh.spec.apps[self.app].rollout
        if self.owner.endswith(".rollout") and rollout is not None and rollout.canary is not None:
            return (rollout.stable, rollout.canary.version)[self.step("subsets")]
        return self.owner.rpartition(".versions.")[2]

    def block(self, name: str) -> str:
        """Path of `pool`, `outlier` or `load_balancing`: the version's own, else the app's."""
        version = self.version
        if version is not None and getattr(self.mesh.spec.apps[self.app].versions[version], name) is not None:
            return f"apps.{self.app}.versions.{version}.{name}"
        return f"apps.{self.app}.{name if name == 'load_balancing' else f'resilience.{name}'}"


Path = Callable[[_Case], str]


def _in_block(name: str, fields: Mapping[str, str]) -> Path:
    return lambda case: f"{case.block(name)}.{fields[case.field]}"


_POOL = {
    "http2MaxRequests": "open_streams",
    "http1MaxPendingRequests": "pending",
    "maxConnections": "connections",
    "maxRequestsPerConnection": "requests_per_connection",
    "idleTimeout": "idle_timeout",
    "connectTimeout": "connect_timeout",
}
_OUTLIER = {
    "interval": "interval",
    "baseEjectionTime": "base_ejection",
    "maxEjectionPercent": "max_ejected_percent",
    "consecutive5xxErrors": "consecutive_5xx",
    "consecutiveGatewayErrors": "consecutive_gateway_errors",
}


def _too_short(case: _Case) -> str:
    if case.field == "maxAge":
        return f"apps.{case.app}.cors.max_age"
    return _in_block("outlier", _OUTLIER)(case) if case.field in _OUTLIER else _in_block("pool", _POOL)(case)


def _listener(case: _Case) -> str:
    gateway = case.mesh.gateways[case.owner.removeprefix("gateways.")]
    return f"{case.owner}.listeners.{list(gateway.listeners)[case.step('servers')]}"


def _workload(case: _Case, setting: str) -> str:
    """Of a chart's values: `HelmValues/gateway/HOME/RELEASE`, or `HelmValues/istiod`."""
    parts = case.finding.object.split("/")
    for gateway in case.mesh.gateways.values():
        if parts[1] == "gateway" and parts[2:] == [gateway.home, gateway.release_name]:
            return f"{gateway.declared_at}.workload.{setting}"
    return f"istio.control_plane.{setting}"


def _authorization_server(case: _Case) -> str:
    auth = case.mesh.spec.apps[case.app].auth
    named = [issuer.authorization_server for issuer in auth.issuers] if auth is not None else []
    index = next((i for i, server in enumerate(named) if server and server in case.finding.message), 0)
    return f"apps.{case.app}.auth.issuers[{index}].authorization_server"


def _issuer(case: _Case) -> str:
    for app in case.mesh.spec.apps.values():
        for index, issuer in enumerate(app.auth.issuers if app.auth is not None else ()):
            if f"{issuer.issuer}," in case.finding.message:
                return f"{app.declared_at}.auth.issuers[{index}].issuer"
    return case.owner


def _caller(case: _Case) -> str:
    return case.mesh.graph.edges[case.app][case.step("rules")].declared_at


def _rewrite(case: _Case) -> str:
    routes = case.mesh.spec.apps[case.app].routes
    index = next((i for i, r in enumerate(routes) if r.rewrite and r.prefix and r.prefix in case.finding.message), 0)
    return f"apps.{case.app}.routes[{index}].rewrite"


def _balancing(case: _Case) -> str:
    app = case.mesh.spec.apps[case.app]
    own = [name for name, version in app.versions.items() if version.load_balancing and version.load_balancing.hash]
    return f"apps.{case.app}.{f'versions.{own[0]}.' if own and not app.load_balancing.hash else ''}load_balancing.hash"


DECISIONS: Mapping[str, tuple[Path, str | None]] = {
    "MCP129": (
        _balancing,
        "sends equal keys to one pod, and the shares of rollout are drawn for each request before it: one session "
        "meets both versions. Pin users by a header or cookie, or drop hash",
    ),
    "MCP135": (
        _authorization_server,
        "is none of the issuers whose tokens are accepted; right only for a server that registers clients for one",
    ),
    "MCP139": (
        _rewrite,
        "lets clients outside ask for the pages of operators, such as /metrics, below this path; rewrite to a path of "
        "its own",
    ),
    "MCP204": (
        _in_block("outlier", _OUTLIER),
        "lets a fault take every pod out at once; write 50, or set min_health_percent",
    ),
    "MCP206": (_in_block("pool", _POOL), None),
    "MCP207": (_in_block("pool", _POOL), None),
    "MCP213": (
        lambda case: f"{case.block('load_balancing')}.hash.header",
        "is written by clients, who may choose or leave it out, and by nothing here; hash on a cookie, which the proxy "
        "sets itself",
    ),
    "MCP218": (_too_short, None),
    "MCP317": (
        _issuer,
        "is an issuer whose access tokens are opaque and whose ID tokens name the client as audience; name your own "
        "authorization server, with it behind",
    ),
    "MCP329": (
        lambda case: f"{case.owner}.reject_header_underscores",
        "is false, so that a client's x_mcp_sub passes beside the verified x-mcp-sub, and CGI or WSGI read both as one",
    ),
    "MCP330": (
        lambda case: f"apps.{case.app}.callers",
        "open the MCP path without POST, and every call of MCP is a POST; name POST in methods, or leave methods out",
    ),
    "MCP337": (
        _caller,
        "leads to the port of an MCP app, and bytes have no paths: whoever may connect may ask for everything there",
    ),
    "MCP406": (lambda case: f"{_listener(case)}.tls.max_version", "is 1.2 and keeps clients from TLS 1.3; remove it"),
    "MCP606": (lambda case: f"{case.owner}.tracing.sampling_percent", None),
    "MCP612": (
        lambda case: f"{case.owner}.tracing.sampling_percent",
        "is 0, so that no span carries the tags beside it; write 1, or remove the tags",
    ),
    "MCP704": (lambda case: _workload(case, "replicas.min"), None),
    "MCP712": (
        lambda case: _workload(case, "service.external_traffic_policy"),
        "is Cluster: the gateway sees nodes instead of clients, in limits, policies and logs. Write Local, and soon: "
        "on GKE a change of this setting, either way, takes the gateway's load balancer away for minutes",
    ),
}
"""By code: the path that decides, and the sentence; None takes the rule's own, which speaks of the same value."""


def said(mesh: Mesh, owner: str, finding: meshlint.Finding) -> Problem | None:
    """What a person decides, as a problem of the stack file; None for every other finding."""
    if finding.code not in DECISIONS or owner.startswith("objects."):
        return None
    path, sentence = DECISIONS[finding.code]
    # Without the path in the object, and without the full stop.
    own = re.sub(r"^\S+ ", "", finding.message).removesuffix(".")
    accept = f"{{code: {finding.code}, object: {finding.object}, until: ..., why: ...}}"
    where = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path(_Case(mesh, owner, finding)))
    return Problem(where, f"{sentence or own}. If it is meant, accept it: {accept}")


def answered(mesh: Mesh, owner: str, finding: meshlint.Finding) -> bool:
    """Whether the declaration says itself that this is meant.

    `security.exceptions` have a date, after which the program stops, and a reason. `idempotent: true` stands beside
    every retry that may run a request twice, `allowed: anyone` beside a header that clients may write. `managed_by:
    flagger` says whose the routes of the app's hosts are, and a listener may be there before its first app. `kind:
    internal` says that nobody outside reaches a gateway, whatever its pods are called. A grant says that routes for the
    tokens that the gateway verifies stand in another stack.
    """
    if owner.startswith("security.exceptions."):
        return finding.code in ("MCP301", "MCP337")
    if finding.code in ("MCP312", "MCP313"):
        # The routes that ask for the tokens of a grant's issuers, and for their audience, are in the team's stack.
        gateway = mesh.gateways.get(owner.removeprefix("gateways."))
        return gateway is not None and bool(at_gateway(mesh.spec.grants, gateway))
    if finding.code == "MCP405":
        gateway = mesh.gateways.get(owner.removeprefix("gateways."))
        return gateway is not None and gateway.kind == "internal"
    if finding.code == "MCP401":
        return all(_is_flaggers(app) for app in _served(mesh, owner, _host(mesh, finding)))
    if not owner.startswith("apps."):
        return False
    if finding.code == "MCP328":
        # Said by `mesh.specs.rollout`, where the routes are handed over.
        return _is_flaggers(mesh.spec.apps[owner.split(".")[1]])
    if finding.code == "MCP113":
        return finding.path[-1] in _pinned_by_anyone(mesh, owner.split(".")[1])
    if finding.code == "MCP323":
        # A team's stack writes no policy at the gateway; the first route of each host refuses (`auth.denials.routes`).
        return mesh.graph.is_of_a_team
    return finding.code == "MCP107"


def _pinned_by_anyone(mesh: Mesh, name: str) -> frozenset[str]:
    """Headers by which clients may choose a version of the app, or of one that its routes lead to."""
    app = mesh.spec.apps[name]
    targets = (app, *(mesh.spec.apps[route.to.app] for route in app.routes if route.to is not None))
    return frozenset(
        pin.header
        for target in targets
        if target.rollout is not None
        for _, _, pin in pins(target.rollout, target.versions)
        if pin.allowed == "anyone" and pin.header is not None
    )


def _host(mesh: Mesh, finding: meshlint.Finding) -> str | None:
    """The host of the gateway's server that the finding is about, without the namespace before it."""
    found = (owned.resource for owned in mesh.objects if owned.resource.key == finding.object)
    specs = (resource.spec for resource in found if isinstance(resource, Resource))
    servers = next((spec.servers for spec in specs if isinstance(spec, Gateway)), ())
    case = _Case(mesh, "", finding)
    return servers[case.step("servers")].hosts[case.step("hosts")].rpartition("/")[2] if servers else None


def _served(mesh: Mesh, gateway: str, host: str | None) -> Iterator[AppSpec]:
    """The apps with a host at the gateway that is this one, or falls under it."""
    for app in mesh.spec.apps.values():
        for exposure in app.exposures:
            fits = host == "*" or (host is not None and covers(host, exposure.host))
            if f"gateways.{exposure.gateway}" == gateway and fits:
                yield app


def _is_flaggers(app: AppSpec) -> bool:
    return app.rollout is not None and app.rollout.managed_by == "flagger"
