"""Routes: of hosts at gateways, and of callers in the mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing import gateways, http_routes, rollouts
from chatgpt_mesh.importing.draft import METHODS
from chatgpt_mesh.importing.gateways import NETWORKING
from chatgpt_mesh.importing.source import as_list, as_mapping
from chatgpt_mesh.importing.workloads import from_reference
from chatgpt_mesh.mesh.specs.gateways import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chatgpt_mesh.importing.draft import Draft, Workload
    from chatgpt_mesh.importing.source import Path, Source


def find_apps(draft: Draft) -> None:
    """Apps of Services that routes and rules name and no object shows."""
    for source in draft.of_kind("VirtualService", NETWORKING):
        for index in range(len(as_list(source.spec.get("http")))):
            rollouts.legs(draft, source, ("spec", "http", index))
    for source in draft.of_kind("DestinationRule", NETWORKING):
        host = str(source.spec.get("host", ""))
        if host not in _destinations(draft) and "*" not in host:
            from_reference(draft, host, source.namespace, None)


def read(draft: Draft, known: Mapping[str, gateways.Imported]) -> None:
    """`known`: declared gateways by `NAMESPACE/NAME` of the Gateway objects."""
    for source in draft.of_kind("VirtualService", NETWORKING):
        hosts = [str(host) for host in as_list(source.spec.get("hosts"))]
        if all(host in _destinations(draft) for host in hosts):
            continue  # what leaves the mesh is read with `egress`
        named = gateways.names_of(source)
        at = [known[name] for name in named if name in known and known[name].kind != "egress"]
        callers = _in_mesh(draft, source, hosts) if "mesh" in named else {}
        served = _served(draft, source, hosts, at, callers) if at else {}
        if not as_list(source.spec.get("http")) or not (served or callers):
            source.keep(
                "its hosts are of no app that a declared gateway serves, or it leads bytes and not requests; routes "
                "are declared with the app that owns their host"
            )
            continue
        if served:
            _exposed(draft, source, served)
        for place, workload in callers.items():
            source.carry(("spec", "hosts", place), f"apps.{workload.app}.service")
        for workload in dict.fromkeys(workload.app for workload in callers.values()):
            _mesh_routes(draft, source, draft.workloads[workload], source.note if served else source.say)
        _gateways(source, known, [*dict.fromkeys(workload.app for workload in callers.values())])


def _destinations(draft: Draft) -> set[str]:
    entries = draft.of_kind("ServiceEntry", NETWORKING)
    found = {str(host) for entry in entries for host in as_list(entry.spec.get("hosts"))}
    for gateway in draft.of_kind("Gateway", NETWORKING):
        if "egress" in str(as_mapping(gateway.spec.get("selector")).get("istio", "")):
            for server in as_list(gateway.spec.get("servers")):
                found |= {str(host).rpartition("/")[2] for host in as_list(as_mapping(server).get("hosts"))}
    return found


def _in_mesh(draft: Draft, source: Source, hosts: list[str]) -> dict[int, Workload]:
    """Apps whose Services the VirtualService names, by the position of the host."""
    found: dict[int, Workload] = {}
    for place, host in enumerate(hosts):
        if host == "*" or (http_routes.is_host(host) and not host.endswith(".local") and host.count(".") != 1):
            continue
        workload = from_reference(draft, host, source.namespace, _port(source))
        if workload is not None and workload.service is not None:
            found[place] = workload
    return found


def _port(source: Source) -> int | None:
    for route in as_list(source.spec.get("http")):
        for entry in as_list(as_mapping(route).get("route")):
            number = as_mapping(as_mapping(as_mapping(entry).get("destination")).get("port")).get("number")
            if number is not None:
                return number
    return None


def _served(
    draft: Draft, source: Source, hosts: list[str], at: list[gateways.Imported], callers: Mapping[int, Workload]
) -> dict[str, tuple[int, str]]:
    """Hosts that a gateway serves: the position of each, and the gateway."""
    found: dict[str, tuple[int, str]] = {}
    for place, host in enumerate(hosts):
        if place in callers:
            continue
        name = gateways.assumed_host(draft, source, host)
        serving = [gateway.name for gateway in at if _listens(draft, gateway.name, name)]
        if serving and http_routes.is_host(name):
            found[name] = (place, serving[0])
        else:
            source.say(("spec", "hosts", place), "no HTTP server of its gateways has this host, so nobody was served")
    return found


def _listens(draft: Draft, gateway: str, host: str) -> bool:
    listeners = draft.gateways[gateway].get("listeners", {}).values()
    return any(covers(pattern, host) for listener in listeners for pattern in listener["hosts"])


def _exposed(draft: Draft, source: Source, served: Mapping[str, tuple[int, str]]) -> None:
    routes = as_list(source.spec.get("http"))
    owner = next((draft.hosts[host] for host in served if host in draft.hosts), None) or _owner(draft, source, routes)
    if owner is None:
        source.keep("none of its routes leads to an app of this declaration")
        return
    app = draft.apps[owner]
    for host, (place, gateway) in served.items():
        to = _own(app, host, gateway, owner)
        draft.hosts.setdefault(host, owner)
        if as_list(source.spec["hosts"])[place] == "*":
            draft.assume(f"{to}: {source.key} has the host `*`, and an app owns a name; {host} is assumed (--domain).")
            source.say(("spec", "hosts", place), f"an app owns a host by its name; {host} is assumed")
        else:
            source.carry(("spec", "hosts", place), to)
    for index in range(len(routes)):
        http_routes.read(draft, source, ("spec", "http", index), owner)
    if not app.get("routes"):
        for key in ("host", "gateway", "further_hosts"):
            app.pop(key, None)


def _own(app: dict[str, Any], host: str, gateway: str, owner: str) -> str:
    """Gives the app a host at a gateway; its path."""
    if app.get("host") in (None, host):
        app["host"], app["gateway"] = host, gateway
        return f"apps.{owner}.host"
    further: list[dict[str, Any]] = app.setdefault("further_hosts", [])
    if all(entry["host"] != host for entry in further):
        further.append({"host": host, "gateway": gateway})
    place = next(index for index, entry in enumerate(further) if entry["host"] == host)
    return f"apps.{owner}.further_hosts[{place}].host"


def _owner(draft: Draft, source: Source, routes: list[Any]) -> str | None:
    """The app that whatever no other route takes goes to; else the first that a route leads to."""
    led = [(route, rollouts.legs(draft, source, ("spec", "http", index))) for index, route in enumerate(routes)]
    known = [(as_mapping(route), found[0].workload.app) for route, found in led if found]
    rest = [app for route, app in known if not route.get("match")]
    return next(iter(rest or [app for _, app in known]), None)


def _gateways(source: Source, known: Mapping[str, gateways.Imported], callers: list[str]) -> None:
    """The names of gateways, where they say what the declaration says of the hosts."""
    for place, name in enumerate(gateways.names_of(source) if source.spec.get("gateways") else []):
        path = ("spec", "gateways", place)
        if name == "mesh" and callers:
            source.carry(path, f"apps.{callers[0]}.service")
        elif name in known and known[name].kind != "egress":
            source.carry(path, f"gateways.{known[name].name}")
        else:
            source.say(path, "is no gateway that serves a host of this declaration")


def _mesh_routes(draft: Draft, source: Source, workload: Workload, tell: Callable[[Path, str], None]) -> None:
    """What callers in the mesh get: shares, pins and faults. `tell` says what has no word."""
    ended = False
    for index, route in enumerate(as_list(source.spec.get("http"))):
        at: Path = ("spec", "http", index)
        said = as_mapping(route)
        if ended:
            tell(at, "the route before takes everything, so nobody was led by this one")
            continue
        matches = as_list(said.get("match"))
        pin = rollouts.pinned(as_mapping(matches[0])) if len(matches) == 1 else None
        found = [leg for leg in rollouts.legs(draft, source, at) if leg.workload is workload]
        if not matches:
            ended = True
            _default(draft, source, at, workload, found, tell)
        elif pin is not None and "fault" in said:
            _fault(draft, source, at, workload, pin, found)
        elif pin is not None and len(found) == 1 and found[0].subset is not None:
            _pin(draft, source, at, workload, pin, found[0], tell)
        else:
            tell(at, "callers in the mesh are led by the shares of the rollout, and by pins of one header each")


def _default(draft: Draft, source: Source, at: Path, workload: Workload, found: list[rollouts.Leg], tell: Any) -> None:
    route, app = as_mapping(source.at(at)), draft.apps[workload.app]
    if found:
        rollouts.divide(draft, source, found, tell)
    if "retries" in route:
        declared, fields = http_routes.retries(as_mapping(route["retries"]), (*at, "retries"))
        known = app.setdefault("resilience", {}).setdefault("retries", declared)
        if known == declared:
            for path, setting in fields.items():
                source.carry(path, f"apps.{workload.app}.resilience.retries.{setting}")
        else:
            tell((*at, "retries"), f"apps.{workload.app}.resilience.retries has those of another route")
    if "timeout" in route:
        if "host" not in app and not app.get("routes"):
            app["routes"] = [{"prefix": "/", "methods": list(METHODS), "timeout": route["timeout"]}]
            source.carry((*at, "timeout"), f"apps.{workload.app}.routes[0].timeout")
        else:
            tell((*at, "timeout"), "callers in the mesh have the limits of the app's routes, by their paths")
    if "fault" in route:
        tell((*at, "fault"), "a fault is for callers that ask for it by a header; nobody gets this one any more")


def _pin(
    draft: Draft, source: Source, at: Path, workload: Workload, pin: tuple[str, str], leg: rollouts.Leg, tell: Any
) -> None:
    app = workload.app
    version = rollouts.version(draft, app, str(leg.subset))
    declared = {"header": pin[0], "value": pin[1]}
    known: dict[str, str] = draft.apps[app]["versions"][version].setdefault("pin", declared)
    if (known["header"], known["value"]) != pin:
        tell(at, f"versions.{version} has a pin already, and takes one")
        return
    to = f"apps.{app}.versions.{version}.pin"
    source.carry((*at, "match", 0, "headers"), to)
    for key in ("host", "subset"):
        source.carry((*leg.path, "destination", key), to)
    rollouts.carry_port(draft, source, (*leg.path, "destination"), app)


def _fault(
    draft: Draft, source: Source, at: Path, workload: Workload, pin: tuple[str, str], found: list[rollouts.Leg]
) -> None:
    fault = as_mapping(as_mapping(source.at(at)).get("fault"))
    delay, abort = as_mapping(fault.get("delay")), as_mapping(fault.get("abort"))
    declared: dict[str, Any] = {"header": pin[0], "value": pin[1]}
    faults: list[dict[str, Any]] = draft.apps[workload.app].setdefault("faults", [])
    to = f"apps.{workload.app}.faults[{len(faults)}]"
    percents = [as_mapping(part.get("percentage")).get("value") for part in (delay, abort) if part]
    if "fixedDelay" in delay:
        declared["delay"] = delay["fixedDelay"]
        source.carry((*at, "fault", "delay", "fixedDelay"), f"{to}.delay")
    if "httpStatus" in abort:
        declared["abort"] = abort["httpStatus"]
        source.carry((*at, "fault", "abort", "httpStatus"), f"{to}.abort")
    if len(set(percents)) == 1 and percents[0] is not None:
        declared["percent"] = percents[0]
        for key, part in (("delay", delay), ("abort", abort)):
            if part:
                source.carry((*at, "fault", key, "percentage", "value"), f"{to}.percent")
    faults.append(declared)
    draft.values["faults_allowed"] = True
    draft.assume(f"faults_allowed: {source.key} injects faults, so the stack is taken for none of production.")
    source.carry((*at, "match", 0, "headers"), to)
    for leg in found:
        destination = as_mapping(source.at((*leg.path, "destination")))
        source.carry((*leg.path, "destination", "host"), to)
        stable = as_mapping(draft.apps[workload.app].get("rollout")).get("stable")
        if "subset" in destination and stable in (None, destination["subset"]):
            source.say((*leg.path, "destination", "subset"), "a request with a fault goes on to the stable version")
