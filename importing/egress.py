"""What leaves the mesh: hosts, the TLS that the mesh opens for them, and who may call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing.gateways import NETWORKING, servers_of
from chatgpt_mesh.importing.source import Source, as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.gateways import Imported
    from chatgpt_mesh.importing.source import Path

_BYTES = frozenset({"TCP", "MONGO", "MYSQL", "REDIS"})


def read(draft: Draft, known: Mapping[str, Imported]) -> None:
    """Destinations of ServiceEntries and egress gateways; every app that saw a host may call it."""
    if not draft.apps:
        return
    entries = draft.of_kind("ServiceEntry", NETWORKING)
    egress = [imported for imported in known.values() if imported.kind == "egress"]
    if not egress and not entries:
        return
    for source in entries:
        _entry(draft, source)
    for imported in egress:
        _servers(draft, imported.source)
    if not draft.allowed:
        draft.values.pop("egress")
        return
    if not egress:
        draft.values["egress"]["via"] = "sidecar"
        draft.assume(
            "egress.via: the input has no egress gateway, so sidecars let out what is listed; `gateway`, with "
            "a gateway of kind egress, has the caller checked on the way out as well."
        )
    for source in draft.of_kind("VirtualService", NETWORKING):
        _routes(draft, source)
    for source in draft.of_kind("DestinationRule", NETWORKING):
        _rule(draft, source)


def _callers(draft: Draft, source: Source, host: str) -> list[str]:
    """The apps that see a host: those of the namespaces that it is exported to."""
    exported = [str(name) for name in as_list(source.spec.get("exportTo"))] or ["*"]
    homes = {source.namespace if name == "." else name for name in exported}
    names = [w.app for w in draft.workloads.values() if "*" in homes or w.namespace in homes]
    draft.assume(
        f"egress.allow: every app that saw {host} may call it: {', '.join(names) or 'none'}; list those that do."
    )
    return names


def _entry(draft: Draft, source: Source) -> None:
    spec = source.spec
    outside = spec.get("location", "MESH_EXTERNAL") == "MESH_EXTERNAL"
    if not outside or spec.get("endpoints") or spec.get("workloadSelector") or spec.get("resolution") == "STATIC":
        source.keep("a destination is a host with a port; one that has addresses of its own stays a ServiceEntry")
        return
    hosts = [str(host) for host in as_list(spec.get("hosts"))]
    ports = [as_mapping(port) for port in as_list(spec.get("ports"))]
    names = {host: _callers(draft, source, host) for host in hosts}
    for place, host in enumerate(hosts):
        for index, port in enumerate(ports):
            at: Path = ("spec", "ports", index)
            declared = _destination(draft, host, port, names[host])
            if declared is None or not names[host]:
                source.say(at, "apps call other hosts over TLS; the mesh opens it where a DestinationRule says so")
                continue
            to = f"egress.allow[{_allow(draft, declared)}]"
            source.carry(("spec", "hosts", place), f"{to}.host")
            source.carry((*at, "number"), to)
            source.carry((*at, "protocol"), to)
            if "targetPort" in port and declared.get("originate_tls"):
                source.carry((*at, "targetPort"), f"{to}.port")
    if "exportTo" in spec and draft.allowed:
        source.carry(("spec", "exportTo"), "egress.allow")
    for key in ("resolution", "location"):
        if key in spec:
            source.say(("spec", key), "follows from the declaration: what leaves is outside, and found by its name")


def _destination(draft: Draft, host: str, port: Mapping[str, Any], callers: list[str]) -> dict[str, Any] | None:
    number, protocol = port.get("number"), str(port.get("protocol", "TCP")).upper()
    declared: dict[str, Any] = {"host": host, "port": number, "from": list(callers)}
    if protocol in ("HTTPS", "TLS"):
        return declared
    if protocol in _BYTES:
        return {**declared, "protocol": "tcp"}
    if protocol == "HTTP" and (opened := _opened(draft, host)) is not None:
        return {**declared, "port": port.get("targetPort") or opened, "originate_tls": {"app_port": number}}
    return None


def _opened(draft: Draft, host: str) -> int | None:
    """The port to which a DestinationRule opens TLS."""
    for source in draft.of_kind("DestinationRule", NETWORKING):
        if source.spec.get("host") == host:
            return next((number for _, number in _simple(source)), None)
    return None


def _simple(source: Source) -> Iterator[tuple[Path, int]]:
    """Where a DestinationRule says that TLS is opened, and to which port."""
    policy = as_mapping(source.spec.get("trafficPolicy"))
    if as_mapping(policy.get("tls")).get("mode") == "SIMPLE":
        yield ("spec", "trafficPolicy", "tls"), 443
    for index, setting in enumerate(as_list(policy.get("portLevelSettings"))):
        if as_mapping(as_mapping(setting).get("tls")).get("mode") == "SIMPLE":
            number = as_mapping(as_mapping(setting).get("port")).get("number", 443)
            yield ("spec", "trafficPolicy", "portLevelSettings", index, "tls"), number


def _allow(draft: Draft, declared: dict[str, Any]) -> int:
    """The position of a destination, added where it is not there."""
    for index, known in enumerate(draft.allowed):
        if (known["host"], known["port"]) == (declared["host"], declared["port"]):
            if "originate_tls" in declared:
                known["originate_tls"] = declared["originate_tls"]
            return index
    draft.allowed.append(declared)
    return len(draft.allowed) - 1


def _servers(draft: Draft, source: Source) -> None:
    for index, server in servers_of(source).items():
        at: Path = ("spec", "servers", index)
        port = as_mapping(server.get("port"))
        passes = as_mapping(server.get("tls")).get("mode") == "PASSTHROUGH"
        if not passes or str(port.get("protocol", "")).upper() not in ("HTTPS", "TLS"):
            continue
        for place, host in enumerate(as_list(server.get("hosts"))):
            name = str(host).rpartition("/")[2]
            if name == "*":
                continue
            callers = next((d["from"] for d in draft.allowed if d["host"] == name), None)
            declared = {"host": name, "port": port.get("number"), "from": callers or _callers(draft, source, name)}
            to = f"egress.allow[{_allow(draft, declared)}]"
            source.carry((*at, "hosts", place), f"{to}.host")
            source.carry((*at, "port", "number"), f"{to}.port")


def _routes(draft: Draft, source: Source) -> None:
    """Routes from sidecars to the egress gateway, and on to the host, follow from `egress`."""
    allowed = {declared["host"]: index for index, declared in enumerate(draft.allowed)}
    hosts = [str(host) for host in as_list(source.spec.get("hosts"))]
    if not hosts or any(host not in allowed for host in hosts):
        return
    for place, host in enumerate(hosts):
        source.carry(("spec", "hosts", place), f"egress.allow[{allowed[host]}].host")
    for key in ("gateways", "tls", "tcp", "http"):
        if key in source.spec:
            source.say(
                ("spec", key),
                "the way of a host out of the mesh follows from egress.allow: straight, or through the egress gateway",
            )


def _rule(draft: Draft, source: Source) -> None:
    host = str(source.spec.get("host", ""))
    index = next((i for i, declared in enumerate(draft.allowed) if declared["host"] == host), None)
    if index is None:
        return
    source.carry(("spec", "host"), f"egress.allow[{index}].host")
    opened = [path for path, _ in _simple(source)]
    if "originate_tls" in draft.allowed[index]:
        for path in opened:
            source.carry((*path, "mode"), f"egress.allow[{index}].originate_tls")
            if "portLevelSettings" in path:
                source.carry((*path[:-1], "port", "number"), f"egress.allow[{index}].port")
