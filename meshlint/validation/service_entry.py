"""What Istio takes as a ServiceEntry, a WorkloadEntry and a WorkloadGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, entries, every, longest, one_of, problem, unsigned
from meshlint.validation.selection import export_to, selector
from meshlint.validation.values import (
    HTTP_PROTOCOLS,
    TLS_PROTOCOLS,
    fqdn,
    host_pattern,
    is_address,
    is_dns_label,
    labels,
    port,
    protocol,
    subnet,
    unix_path,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

UNIX = "unix://"
_DNS = ("DNS", "DNS_ROUND_ROBIN")
_DYNAMIC = frozenset({"http", "tls", "grpc", "http2"})


def _port_name(value: str) -> Problems:
    # The API server wants one character less than a DNS label has.
    if is_dns_label(value) and len(value) < 63:
        return NONE
    return problem(f"is named {value!r}, no DNS label", "write letters, digits and hyphens")


UNLABELLED_WORKLOAD = Message(
    {
        "labels": longest(256),
        "ports": every(entries(port, key=_port_name), longest(128)),
        "weight": unsigned,
        "address": longest(256),
        "locality": longest(2048),
        "network": longest(2048),
        "serviceAccount": longest(253),
    }
)
"""A workload whose labels nobody looks at: in a WorkloadGroup's template."""
WORKLOAD = UNLABELLED_WORKLOAD.also({"labels": every(labels, longest(256))})


def _address(value: Json, *, may_be_name: bool) -> Problems:
    written: str = value.get("address", "")
    if written.startswith(UNIX):
        found = below("address", unix_path(written.removeprefix(UNIX)))
        return found + (problem("is set beside a Unix socket", "remove it", "ports") if "ports" in value else NONE)
    if not written:
        return NONE if value.get("network") else problem("has no address", "write an IP address or a name")
    if is_address(written) or (may_be_name and not fqdn(written)):
        return NONE
    kind = "neither an IP address nor a host name" if may_be_name else "no IP address, as STATIC needs"
    return problem(f"is {written!r}, {kind}", "correct it", "address")


def validate_workload(obj: Manifest) -> Problems:
    """Every reason to refuse this WorkloadEntry, by its place in the spec."""
    return WORKLOAD(obj.spec) + _address(obj.spec, may_be_name=True)


_SERVICE_PORT = Message(
    {
        "name": _port_name,
        "protocol": protocol,
        "targetPort": port,
    }
)


def _service_port(value: Json) -> Problems:
    found = below("number", port(value.get("number", 0)))
    return found if value.get("name") else found + problem("has no name", "name the port")


def _once(ports: list[Json]) -> Problems:
    found = NONE
    for field in ("name", "number"):
        seen: set[object] = set()
        for position, one in enumerate(ports):
            value = one.get(field)
            if value is not None and value in seen:
                what = f"is {value!r}, which another port of this object has too"
                found += problem(what, "write each port once", position, field)
            seen.add(value)
    return found


def _host(value: str) -> Problems:
    if value == "*":
        return problem("is *, which no ServiceEntry can be for", "name the hosts, as in *.example.com")
    return host_pattern(value)


_SPEC = Message(
    {
        "hosts": every(each(_host), longest(256)),
        "addresses": every(each(every(subnet, longest(64))), longest(256)),
        "ports": every(each(every(_SERVICE_PORT, _service_port), _once), longest(256)),
        "endpoints": every(each(WORKLOAD), longest(4096)),
        "workloadSelector": every(selector("labels"), Message({"labels": longest(256)})),
    },
    one_of("workloadSelector", "endpoints"),
)


def _endpoints(spec: Json, resolution: str) -> Problems:
    found = NONE
    names = {one.get("name", "") for one in spec.get("ports", ())}
    for position, endpoint in enumerate(spec.get("endpoints", ())):
        wrong = _address(endpoint, may_be_name=resolution in _DNS)
        if resolution in _DNS and endpoint.get("address", "").startswith(UNIX):
            wrong = problem("is a Unix socket, which no DNS resolves", "write resolution STATIC", "address")
        elif resolution in _DNS and not endpoint.get("address"):
            wrong = problem("has no address", "write an IP address or a name")
        elif resolution == "STATIC" and endpoint.get("address", "").startswith(UNIX) and len(names) != 1:
            wrong += problem(f"is a Unix socket for {len(names)} ports", "name one port", "address")
        for name in endpoint.get("ports", {}):
            if name not in names:
                wrong += problem(
                    f"is for {name!r}, which spec.ports does not have", "name a port of spec.ports", "ports", name
                )
        for path, what, mend in wrong:
            found += ((("endpoints", position, *path), what, mend),)
    return found


def _protocols(spec: Json) -> Iterable[tuple[int, str]]:
    return ((position, one.get("protocol", "").lower()) for position, one in enumerate(spec.get("ports", ())))


def _dynamic(obj: Manifest) -> Problems:
    """What names without addresses allow."""
    spec, found = obj.spec, NONE
    for position, host in enumerate(spec.get("hosts", ())):
        if not host.startswith("*"):
            found += problem(
                f"is {host!r}, and DYNAMIC_DNS is for wildcards", "write resolution DNS", "hosts", position
            )
    for name in ("addresses", "endpoints"):
        if spec.get(name):
            found += problem("is set, and DYNAMIC_DNS finds them by itself", "remove it", name)
    for position, name in _protocols(spec):
        if name not in _DYNAMIC:
            what = f"is {name.upper() or 'absent'}, and DYNAMIC_DNS reads the host from HTTP or TLS"
            found += problem(what, "write HTTP, HTTP2, GRPC or TLS", "ports", position, "protocol")
    waypoint = obj.labels.get("istio.io/use-waypoint", "none").lower()
    if spec.get("location") == "MESH_INTERNAL" and waypoint not in ("", "none"):
        found += problem(
            "is MESH_INTERNAL, which DYNAMIC_DNS cannot be behind a waypoint", "write MESH_EXTERNAL", "location"
        )
    return found


def _resolution(obj: Manifest, resolution: str) -> Problems:
    spec, found = obj.spec, NONE
    hosts: list[str] = spec.get("hosts", [])
    if resolution == "NONE" and "endpoints" in spec:
        found += problem("is set, and resolution NONE has no use for it", "write resolution STATIC", "endpoints")
    if resolution == "STATIC" or resolution in _DNS:
        found += _endpoints(spec, resolution)
    if resolution in _DNS and not spec.get("endpoints"):
        for position, host in enumerate(hosts):
            if fqdn(host):
                what = f"is {host!r}, which DNS cannot resolve"
                found += problem(what, "write resolution NONE or DYNAMIC_DNS, or name endpoints", "hosts", position)
                break
    if resolution == "DNS_ROUND_ROBIN" and len(spec.get("endpoints", ())) > 1:
        found += problem("has several entries, and DNS_ROUND_ROBIN takes one", "write resolution DNS", "endpoints")
    if resolution == "DYNAMIC_DNS":
        found += _dynamic(obj)
    elif resolution in _DNS and any("/" in one for one in spec.get("addresses", ())):
        found += problem("has a range, which only NONE and STATIC take", "write addresses", "addresses")
    return found


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this ServiceEntry, by its place in the spec."""
    spec = obj.spec
    found = _SPEC(spec)
    hosts: list[str] = spec.get("hosts", [])
    if not hosts:
        found += problem("is empty", "name the hosts", "hosts")
    resolution: str = spec.get("resolution", "NONE")
    found += _resolution(obj, resolution)
    if resolution != "NONE" and len(hosts) > 1:
        for position, name in _protocols(spec):
            if name not in HTTP_PROTOCOLS and name not in TLS_PROTOCOLS:
                what = f"is {name.upper() or 'absent'}, which does not tell {len(hosts)} hosts apart"
                found += problem(what, "write an entry per host, or HTTP or TLS", "ports", position, "protocol")
                break
    if "exportTo" in spec:
        found += below("exportTo", export_to(obj.namespace, spec["exportTo"], may_be_nobody=True))
    return found
