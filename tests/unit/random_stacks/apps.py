"""Apps as wholes: a name, a namespace, and every concern that the kind of app can have."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks import access, traffic
from tests.unit.random_stacks.gateways import DOMAINS, KINDS
from tests.unit.random_stacks.scalars import LONG_LABEL, Values, always, named, one, some, spec, truth

NAMESPACES = ("team-a", "team-b", "n" * 63)
NAMES = ("weather", "orders-api", "a", "b2", LONG_LABEL)


class Plan:
    """What must be known of all apps before one of them is drawn."""

    def __init__(self, draw: st.DrawFn, most: int) -> None:
        count = min(draw(one(2, 1, 3, 4, 2, 3, 0)), most)
        self.names: list[str] = [str(name) for name in draw(st.permutations(NAMES))[:count]]
        self.namespace = {name: draw(one(*NAMESPACES)) for name in self.names}
        self.kind = {name: draw(one("mcp", "mcp", "rest", "service", "caller")) for name in self.names}
        self.service: dict[str, Values] = {}
        for name in self.names:
            if self.kind[name] != "caller":
                numbers = always(port=one(80, 8080, 1, 65535))
                rest = spec(
                    name=one(f"{name[:50]}-svc"),
                    target_port=st.none() | one(8080, 1, 3000, 65535),
                    keep_alive_timeout=st.none() | one("1s", "1.001s", "5s", "24h"),
                )
                self.service[name] = {**draw(spec(numbers)), **draw(rest)}

    def service_ports(self) -> Values:
        """Port of each app's Service by its host."""
        return {
            f"{service.get('name', name)}.{self.namespace[name]}.svc.cluster.local": service["port"]
            for name, service in self.service.items()
        }


@st.composite
def plans(draw: st.DrawFn, most: int) -> Plan:
    return Plan(draw, most)


def _exposed(draw: st.DrawFn, name: str, gateways: list[str]) -> tuple[Values, list[str]]:
    """Hosts of an app, and the gateways it is on."""
    if not gateways or not draw(one(True, True, False)):
        return {}, []
    label = name if len(name) < 40 else "long"
    on = draw(st.lists(one(*gateways), min_size=1, max_size=3, unique=True))
    hosts = [{"host": f"{label}.{DOMAINS[gateway]}", "gateway": gateway} for gateway in on]
    if draw(one(False, False, True)):
        hosts.append({"host": f"second.{label}.{DOMAINS[on[0]]}", "gateway": on[0]})
    if draw(one(False, False, True)):
        status = draw(one(301, 302, 307, 308))
        hosts.append({"host": f"old.{label}.{DOMAINS[on[0]]}", "gateway": on[0], "redirect": status})
    further = hosts[1:]
    return {**hosts[0], **({"further_hosts": further} if further else {})}, on


_closed = spec(open=one(False))
_answers = spec(
    maintenance=st.none() | traffic.maintenance,
    max_request_body=st.none() | one("1Ki", "1Mi", "999k", "1Gi"),
    response_headers=spec(set_=named(["x-a", "x-frame-options"], one("1", "%START_TIME%")), remove=some("x-c", "x-d")),
)
"""What all of an app's hosts answer, where their routes are the program's."""


def _of_own_routes(draw: st.DrawFn, found: Values, *, exposed: bool) -> Values:
    """What needs routes that are the program's."""
    pins = draw(traffic.pins_of_versions) if "versions" in found else {}
    versions = {name: {**version, **pins.get(name, {})} for name, version in found.get("versions", {}).items()}
    mcp, mover = found.get("mcp"), found.get("rollout", {}).get("managed_by", "stack")
    if mcp is not None and not mcp.get("stateless") and mcp.get("era") != "modern" and mover == "stack":
        versions = {name: {**version, **draw(traffic.ends)} for name, version in versions.items()}
    own: Values = {"versions": versions} if versions else {}
    if mcp is not None and mcp.get("path") != "/":
        own["mcp"] = {**mcp, **draw(spec(trailing_slash=one("refuse", "same")))}
    return {**own, **(draw(_answers) if exposed else {})}


def _called(draw: st.DrawFn, kind: str, found: Values, others: list[str]) -> Values:
    """Its callers in the mesh."""
    own_paths = kind == "mcp" or any(not {"respond", "redirect", "to"} & r.keys() for r in found.get("routes", []))
    return {"callers": draw(access.callers(others, own_paths=own_paths))} if draw(truth) else {}


def _at_the_edge(draw: st.DrawFn, found: Values, era: str | None, *, limits: bool, addresses: bool) -> Values:
    """Tokens, limits and pages of agreed names, of an app that is at a gateway."""
    routes = [route for route in found.get("routes", []) if not {"respond", "redirect"} & route.keys()]
    protected = era is not None or any(route.get("auth") != "none" for route in routes)
    tokens = protected and draw(one(True, True, False))
    edge: Values = {"open": True} if era is not None else {}
    if tokens:
        edge = {"auth": draw(access.auth(era)), **draw(_closed)}
    edge |= draw(access.limits(tokens=tokens, service=limits, era=era, addresses=addresses))
    return edge | draw(spec(well_known=access.well_known(tokens=tokens)))


@st.composite
def app(draw: st.DrawFn, plan: Plan, name: str, gateways: Values, *, limits: bool, flagged: set[str]) -> Values:
    """`limits`: there is a rate limit service. `flagged`: apps that others' routes must not lead to."""
    kind = plan.kind[name]
    found: Values = {"namespace": plan.namespace[name]}
    found |= draw(
        spec(
            service_account=one(f"{name[:50]}-sa"),
            labels=one({"app": name}, {"app": name, "tier": "web"}),
            longest_call=one("1s", "600s", "24h"),
            load_balancing=traffic.load_balancing(outlier=False),
        )
    )
    if kind == "caller":
        return found
    others = [other for other in plan.names if other != name]
    found["service"] = plan.service[name]
    hosts, on = _exposed(draw, name, list(gateways)) if kind in ("mcp", "rest") else ({}, [])
    found |= hosts
    era = draw(one("legacy", "modern", "both")) if kind == "mcp" else None
    if kind == "mcp":
        shape = spec(path=one("/mcp", "/", "/a/b.c"), stateless=truth)
        found["mcp"] = {**draw(shape), **({"era": era} if era != "both" or draw(truth) else {})}
    versions = draw(one(False, True))
    targets = [other for other in others if other in plan.service and other not in flagged]
    root = found.get("mcp", {}).get("path") != "/"
    if kind == "rest" or draw(truth):
        routes = draw(
            traffic.routes_of(
                targets if on else [], versions=versions, root=root, longest=found.get("longest_call", "600s")
            )
        )
        if routes or kind == "rest":
            found["routes"] = routes or [{"exact": "/only"}]
    if on:
        addresses = all(_policy(gateways[gateway]) == "Local" for gateway in on)
        found |= _at_the_edge(draw, found, era, limits=limits, addresses=addresses)
    found |= draw(spec(cors=access.cors, resilience=traffic.resilience(mcp=kind == "mcp")))
    if found.get("resilience", {}).get("retries", {}).get("per_try_timeout"):
        for route in found.get("routes", []):
            if "timeout" in route and not route.get("retries"):
                route["retries"] = {}
    if found.get("resilience", {}).get("outlier", {}) is not None:
        found |= draw(spec(load_balancing=traffic.load_balancing(outlier=True)))
    elif found.get("load_balancing", {}).get("locality") is not None:
        found.pop("load_balancing")
    if versions:
        found |= _of_versions(draw, found, on, target=name not in flagged)
    if found.get("rollout", {}).get("managed_by") != "flagger":
        found |= _of_own_routes(draw, found, exposed=bool(on))
    found |= _called(draw, kind, found, others)
    return found


def _of_versions(draw: st.DrawFn, app: Values, on: list[str], *, target: bool) -> Values:
    """Two versions and how traffic is divided. `target`: another app's route may lead here."""
    ejects = app.get("resilience", {}).get("outlier", {}) is not None
    versions = {name: draw(traffic.version(outlier=ejects)) for name in ("v1", "v2")}
    if versions["v1"].get("labels") and versions["v2"].get("labels"):
        versions["v2"].pop("labels")
    decided = {"tools", "tools_from", "anonymous"} & app.get("auth", {}).keys()
    routed = bool(decided) or not app.keys().isdisjoint(("routes", "well_known"))
    plain = not any(version.get("labels") for version in versions.values())
    rollout = draw(traffic.rollouts(auth=app.get("auth"), gateways=on, routes=routed, target=target, plain=plain))
    if rollout.get("managed_by") == "argo-rollouts":
        for version in versions.values():
            version.pop("labels", None)
    return {"versions": versions, "rollout": rollout}


def _policy(gateway: Values) -> str:
    return gateway.get("workload", {}).get("service", {}).get("external_traffic_policy", "Local")


def _leads(route: Values, mcp_path: str) -> bool:
    path = route.get("rewrite") or route.get("exact") or route["prefix"]
    return mcp_path == path if "exact" in route else mcp_path.startswith(path)


def _keep_one_name(declared: Values, apps: Values) -> None:
    """No route leads to an MCP endpoint, its own or another app's, whose guards are not there."""
    for route in declared.get("routes", []):
        target = apps[route["to"]["app"]] if "to" in route else {}
        if "mcp" in target and _leads(route, target["mcp"].get("path", "/mcp")):
            del route["to"]
        if "mcp" in declared and "to" not in route and _leads(route, declared["mcp"].get("path", "/mcp")):
            route.pop("rewrite", None)


@st.composite
def apps(draw: st.DrawFn, plan: Plan, gateways: Values, *, limits: bool, faults: bool) -> Values:
    served = {name: gateway for name, gateway in gateways.items() if KINDS[name] != "egress"}
    flagged = set(plan.names[:2])
    found = {name: draw(app(plan, name, served, limits=limits, flagged=flagged)) for name in plan.names}
    for declared in found.values():
        _keep_one_name(declared, found)
        if faults and "service" in declared and draw(truth):
            declared["faults"] = draw(
                st.lists(access.fault, min_size=1, max_size=2, unique_by=lambda fault: fault["value"])
            )
    _join(draw, found)
    return found


def _join(draw: st.DrawFn, apps: Values) -> None:
    """Servers behind the endpoint of another one, where no token's rule of theirs could be missing in front."""
    servers = [name for name, declared in apps.items() if "mcp" in declared]
    for name in servers:
        front = apps[name]
        behind = [other for other in servers if other != name and not ("host" in front and "auth" in apps[other])]
        if behind and draw(one(False, False, True)):
            other = draw(one(*behind))
            front["mcp"] = {**front["mcp"], "joins": {draw(one("other_", "a.b-")): other}}
            callers = apps[other].get("callers", [])
            if all(caller.get("app") != name for caller in callers):
                apps[other]["callers"] = [*callers, {"app": name}]
