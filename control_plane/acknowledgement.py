"""What istiod and Envoy say of updates, read: who has acknowledged what, who refused it, and in which words.

istiod accepts objects that Envoy then refuses (a filter that does not compile, a map entry merged away): the API server
and the webhook say yes, and nothing in Kubernetes shows it. istiod's `/debug/syncz` does, per proxy and xDS type.
Source: istio/istio pilot/pkg/xds/debug.go and delta.go (a refused update sets `lastError`, the next accepted one clears
it); https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol (ACK and NACK).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

_XDS_TYPES: Mapping[str, str] = {
    "type.googleapis.com/envoy.config.listener.v3.Listener": "LDS",
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "CDS",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "RDS",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "EDS",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "ECDS",
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret": "SDS",
}


_ENVOY_PREAMBLE = re.compile(r"^Error adding/updating (?:listener|cluster)\(s\) ", re.MULTILINE)


_COUNTER = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>[0-9.e+]+)$")


@dataclass(frozen=True, slots=True)
class Rejection:
    """An update that a proxy refused and still runs without."""

    proxy: str
    """`POD.NAMESPACE`"""
    xds_type: str
    """LDS, CDS, RDS, EDS, ECDS or SDS"""
    object: str
    """Envoy's name of what it refused, such as listener `0.0.0.0_8443`; empty where Envoy names none."""
    reason: str
    """Envoy's own words."""

    def __str__(self) -> str:
        what = f"{self.xds_type} {self.object}" if self.object else self.xds_type
        return f"{self.proxy} refused {what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What one proxy was last sent and last accepted of one xDS type, by nonce."""

    proxy: str
    xds_type: str
    sent: str
    acked: str
    error: str

    @property
    def pending(self) -> bool:
        return self.sent != self.acked

    @property
    def refusal(self) -> tuple[str, str, str] | None:
        """What a proxy refuses, whichever push it came with; None where it refuses nothing."""
        return (self.proxy, self.xds_type, self.error) if self.error else None


class NotSyncedError(Exception):
    """Not every proxy has acknowledged what istiod sent."""


class UpdateRejectedError(NotSyncedError):
    """A proxy refused an update. `rejections` says which proxy, which object and why."""

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        self.rejections = tuple(rejections)
        count = len(self.rejections)
        heading = "1 update was refused by a proxy" if count == 1 else f"{count} updates were refused by proxies"
        super().__init__("\n".join([f"{heading}:", *(f"  {rejection}" for rejection in self.rejections)]))


def first_line(error: BaseException) -> str:
    """What an error says, for a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class ControlPlaneUnreachableError(NotSyncedError):
    """istiod cannot be asked; the sentence says where it was looked for and what to check."""


def acknowledgements(syncz: Iterable[Mapping[str, Any]]) -> list[Acknowledgement]:
    """Every proxy's state in istiod's answer to `/debug/syncz`."""
    found: list[Acknowledgement] = []
    for proxy in syncz:
        resources = cast("Mapping[str, Mapping[str, str]]", proxy.get("resources") or {})
        found += [
            Acknowledgement(
                proxy=proxy["proxy"],
                xds_type=_XDS_TYPES.get(type_url, type_url),
                sent=status.get("sent", ""),
                acked=status.get("acked", ""),
                error=status.get("lastError", ""),
            )
            for type_url, status in sorted(resources.items())
            if type_url in _XDS_TYPES
        ]
    return found


def rejections(states: Iterable[Acknowledgement]) -> list[Rejection]:
    """The refused updates, one for each object that Envoy's message names."""
    return [
        Rejection(state.proxy, state.xds_type, name, reason)
        for state in states
        if state.error
        for name, reason in named_reasons(state.error)
    ]


def named_reasons(message: str) -> list[tuple[str, str]]:
    """Envoy's message as (object, reason) pairs; the object is empty where the message names none."""
    if not _ENVOY_PREAMBLE.search(message):
        return [("", message.strip())]
    pairs: list[tuple[str, str]] = []
    for line in _ENVOY_PREAMBLE.sub("", message).strip().splitlines():
        name, separator, reason = line.partition(": ")
        if separator and " " not in name:
            pairs.append((name, reason.strip()))
        elif pairs:  # a reason may have more than one line
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip()}")
        else:
            pairs.append(("", line.strip()))
    return pairs


def error_states(config_dump: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(object, reason) of everything that Envoy's `/config_dump` shows with an `error_state`."""
    found: list[tuple[str, str]] = []

    def walk(node: object) -> None:
        if isinstance(node, Mapping):
            mapping = cast("Mapping[str, Any]", node)
            state = mapping.get("error_state")
            if isinstance(state, Mapping):
                failed = cast("Mapping[str, Any]", state)
                configuration = cast("Mapping[str, Any]", failed.get("failed_configuration") or {})
                name = configuration.get("name") or mapping.get("name") or ""
                found.append((str(name), str(failed.get("details", "")).strip()))
            for value in mapping.values():
                walk(value)
        elif isinstance(node, list):
            for value in cast("list[object]", node):
                walk(value)

    walk(config_dump)
    return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How much istiod has received and pushed: counters of its `/metrics`."""

    received: float
    pushed: float
    taken: float = 0.0
    """Proxies that have been taken out of the queue of a push: on a busy machine they wait there, and until then have
    acknowledged all that was sent to them."""


def progress(exposition: str) -> Progress:
    """Configuration changes received, pushes made and proxies served by them, from Prometheus' text format."""
    received = pushed = taken = 0.0
    for line in exposition.splitlines():
        sample = _COUNTER.match(line)
        if not sample:
            continue
        if sample["name"] == "pilot_inbound_updates" and 'type="config"' in (sample["labels"] or ""):
            received += float(sample["value"])
        elif sample["name"] == "pilot_debounce_time_count":
            pushed += float(sample["value"])
        elif sample["name"] == "pilot_proxy_queue_time_count":
            taken += float(sample["value"])
    return Progress(received, pushed, taken)
