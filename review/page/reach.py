"""Who reaches what, as the linter answers it: one matrix for each group of hosts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.gateways import covers
from chatgpt_mesh.review.changes.difference import names_of
from meshlint.reachability.matrix import UNDECLARED, Axes, callers_of, hosts_of, requests, rows
from meshlint.reachability.request import INTERNET, PLAINTEXT, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.review.version import Version
    from meshlint.reachability.matrix import Row

MOST_CALLERS = 40
"""Callers up to which each is asked about every host. Above it a host is asked by those whom the declaration names for
it, and by a stranger of each namespace: whoever is not named is refused as these are."""

OTHER_SERVICES = "Other services of the cluster"

_METHODS = ("GET", "POST", "DELETE")


@dataclass(slots=True)
class Cell:
    """What one caller reaches at one host: `GET/POST /mcp`, and what of it with a token alone."""

    open: list[str] = field(default_factory=list[str])
    with_token: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Matrix:
    """Hosts of one gateway or namespace. Callers that reach nothing there are counted, not listed."""

    title: str
    hosts: tuple[str, ...]
    cells: dict[str, dict[str, Cell]]
    """By caller and host, with the names that people use."""
    without: int


def matrices(version: Version) -> tuple[list[Matrix], int]:
    """The matrices, and how many requests they stand on."""
    names = names_of(version)
    found: dict[tuple[str, str], Cell] = defaultdict(Cell)
    callers: dict[str, set[str]] = defaultdict(set)
    asked = 0
    for caller, hosts in _questions(version):
        axes = Axes(callers=[caller], hosts=hosts, methods=_METHODS)
        # Whoever is asked for a certificate shows one: without it there is no connection to ask anything over.
        wanted = [replace(request, client_certificate=caller == INTERNET) for request in requests(version.view, axes)]
        asked += len(wanted)
        for host in hosts:
            callers[host].add(caller)
        for row in rows(version.view, wanted):
            if row.answer.outcome is Outcome.ALLOWED:
                _add(found[caller, row.request.host], row)
    grouped: dict[str, list[str]] = defaultdict(list)
    for host in sorted(callers):
        grouped[_group(version, host)].append(host)
    made: list[Matrix] = []
    for title, hosts in sorted(grouped.items(), key=lambda item: (not item[0].startswith("Hosts of"), item[0])):
        cells: dict[str, dict[str, Cell]] = {}
        for (caller, host), cell in found.items():
            if host in hosts:
                cells.setdefault(names.caller(caller), {})[names.host(host)] = cell
        if title == OTHER_SERVICES and not cells:
            continue
        everybody = {caller for host in hosts for caller in callers[host]}
        made.append(Matrix(title, tuple(map(names.host, hosts)), cells, len(everybody) - len(cells)))
    return made, asked


def _questions(version: Version) -> Iterator[tuple[str, list[str]]]:
    """Each caller with the hosts that it is to be asked about."""
    callers = callers_of(version.view)
    many = len(callers) > MOST_CALLERS
    named = _named(version) if many else {}
    for caller in callers:
        hosts = hosts_of(version.view, caller)
        if caller not in (INTERNET, PLAINTEXT):
            hosts += [_below(one.host) for one in version.settings.egress.allow if one.host and one.host[:1] == "*"]
        if many and caller not in (INTERNET, PLAINTEXT) and not caller.endswith("/stranger"):
            hosts = [host for host in hosts if caller in named.get(host, ())]
        if hosts:
            yield caller, hosts


def _named(version: Version) -> dict[str, set[str]]:
    """Identities that the declaration lets reach a host, as NAMESPACE/SERVICEACCOUNT."""
    spec, graph = version.settings, version.mesh.graph
    found: dict[str, set[str]] = defaultdict(set)
    for app, edges in graph.edges.items():
        for edge in edges:
            found[spec.apps[app].service_host].add(f"{edge.source.namespace}/{edge.source.service_account}")
    for one in spec.egress.allow:
        for caller in one.from_:
            if isinstance(caller, str):
                identity = graph.app_identity(spec.apps[caller])
                found[_below(one.name)].add(f"{identity.namespace}/{identity.service_account}")
            else:
                found[_below(one.name)].add(f"{caller.namespace}/{caller.service_account}")
    return found


def _below(host: str) -> str:
    """A name that a wildcard stands for; any other host is itself."""
    return f"any{host[1:]}" if host.startswith("*.") else host


def _add(cell: Cell, row: Row) -> None:
    what = f"{'/'.join(row.methods)} {row.request.path}"
    if row.request.token is None:
        cell.open.append(what)
    elif what not in cell.with_token and what not in cell.open:
        cell.with_token.append(what)


def _group(version: Version, host: str) -> str:
    for app in version.settings.apps.values():
        if host == app.service_host:
            return f"Apps in {app.namespace}"
        for exposure in app.exposures:
            if host == exposure.host:
                return f"Hosts of gateway {exposure.gateway}"
    # TLS that is not opened here has a host at a listener and no app.
    listened = [
        (wide.startswith("*"), gateway.name)
        for gateway in version.mesh.gateways.values()
        for listener in gateway.listeners.values()
        for wide in listener.hosts
        if covers(wide, host)
    ]
    if listened:
        return f"Hosts of gateway {min(listened)[1]}"
    return OTHER_SERVICES if host.endswith(".svc.cluster.local") else "Outside the mesh"


def shown(whats: Iterable[str], most: int = 4) -> list[str]:
    """The first few, and how many more there are; where paths that nothing names pass too, everything does."""
    listed = list(whats)
    everything = {what.partition(" ")[0] for what in listed if what.endswith(f" {UNDECLARED}")}
    listed = [f"{methods} everything" for methods in sorted(everything)] + [
        what for what in listed if what.partition(" ")[0] not in everything
    ]
    return listed if len(listed) <= most else [*listed[: most - 1], f"and {len(listed) - most + 1} more"]
