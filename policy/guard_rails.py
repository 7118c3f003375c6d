"""What a platform team forbids in every stack. Pure: a rule reads the inputs of one resource.

The program's own settings cannot say most of this; a pack holds it against raw objects, a fork of the program, and the
resources that somebody adds beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Inputs = Mapping[str, Any]
    Settings = Mapping[str, Any]

PEER_AUTHENTICATION = re.compile(r"kubernetes:security\.istio\.io/v1(beta1)?:PeerAuthentication")
GATEWAY = re.compile(r"kubernetes:networking\.istio\.io/v1(alpha3|beta1)?:Gateway")
CHART = re.compile(r"kubernetes:helm\.sh/v[34]:(Chart|Release)")
GKE_CLUSTER = re.compile(r"gcp:container/cluster:Cluster")
DECLARED_SECURITY = re.compile(r"chatgpt-mesh:mesh:Security")

EXACT_VERSION = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource of a plan, as far as rules read it."""

    type: str
    inputs: Inputs
    protected: bool
    """Whether Pulumi refuses to delete it."""


@dataclass(frozen=True, slots=True)
class GuardRail:
    name: str
    description: str
    """One sentence: what is held, and why."""
    of: re.Pattern[str]
    """The types of resources that it reads."""
    judge: Callable[[Planned, Settings], Iterator[str]]
    """Sentences about what is wrong with one of them."""
    settings: Mapping[str, Any]
    """JSON Schema of what a pack's configuration may set, by name, each with a default."""

    def violations(self, planned: Planned, given: Settings | None = None) -> list[str]:
        """What is wrong with a resource, by the settings that are given and the defaults of the others."""
        if not self.of.fullmatch(planned.type):
            return []
        defaults = {name: schema["default"] for name, schema in self.settings.items()}
        return list(self.judge(planned, {**defaults, **(given or {})}))


def _in(inputs: Any, *keys: str) -> Any:
    """What stands at the end of a path of mappings; None where it ends before."""
    for key in keys:
        inputs = inputs.get(key) if inputs is not None else None
    return inputs


def _strict(planned: Planned, settings: Settings) -> Iterator[str]:
    mode = _in(planned.inputs, "spec", "mtls", "mode") or "UNSET"
    if mode not in ("STRICT", "UNSET"):
        yield f"spec.mtls.mode is {mode}; only STRICT lets nobody in without an identity"
    ports: Inputs = _in(planned.inputs, "spec", "portLevelMtls") or {}
    for port, said in ports.items():
        if said.get("mode") not in ("STRICT", "UNSET") and not settings["plaintext_ports"]:
            yield (
                f"spec.portLevelMtls[{port}].mode is {said.get('mode')}; "
                "set plaintext_ports in the pack's configuration where dated exceptions are wanted"
            )


def _protected(planned: Planned, _: Settings) -> Iterator[str]:
    if planned.inputs.get("deletionProtection") is not True:
        yield "deletionProtection is not true; Google would delete it with one call (cluster.deletion_protection)"
    if not planned.protected:
        yield "it is not protected; one wrong `pulumi destroy`, or a rename, would delete it with every app on it"


def _private(planned: Planned, _: Settings) -> Iterator[str]:
    by_address = _in(planned.inputs, "controlPlaneEndpointsConfig", "ipEndpointsConfig", "enabled")
    if by_address is not False and not _in(planned.inputs, "privateClusterConfig", "enablePrivateEndpoint"):
        yield (
            "its control plane has a public address; turn controlPlaneEndpointsConfig.ipEndpointsConfig off, or set "
            "privateClusterConfig.enablePrivateEndpoint"
        )
    if not _in(planned.inputs, "privateClusterConfig", "enablePrivateNodes"):
        yield "privateClusterConfig.enablePrivateNodes is not true; each node would have a public address"


def _hosts(planned: Planned, settings: Settings) -> Iterator[str]:
    for index, server in enumerate(_in(planned.inputs, "spec", "servers") or ()):
        protocol = str(_in(server, "port", "protocol")).upper()
        mutual = _in(server, "tls", "mode") == "ISTIO_MUTUAL"
        # TCP has no name to ask for, and ISTIO_MUTUAL is the mesh's own egress.
        if protocol in ("TCP", "MONGO", "MYSQL", "REDIS") or mutual:
            continue
        for host in _in(server, "hosts") or ():
            name = str(host).rpartition("/")[2]
            if "*" in name and name not in settings["allowed"]:
                yield (
                    f"spec.servers[{index}].hosts has {host}: whoever may write a VirtualService takes any name under "
                    "it; list the hosts, or add it to `allowed` in the pack's configuration"
                )


def _labelled(planned: Planned, settings: Settings) -> Iterator[str]:
    missing = [name for name in settings["labels"] if not _in(planned.inputs, "resourceLabels", name)]
    if missing:
        yield f"resourceLabels lacks {', '.join(missing)}, by which its cost is found (cluster.labels)"


def _pinned(planned: Planned, _: Settings) -> Iterator[str]:
    if not planned.inputs:
        return  # A component that its plugin constructs: the engine shows a pack no inputs of it.
    version = planned.inputs.get("version")
    local = str(planned.inputs.get("chart", "")).startswith((".", "/"))
    if not local and not (isinstance(version, str) and EXACT_VERSION.fullmatch(version)):
        yield f"version is {version!r}; an exact one makes today's preview and next month's `up` the same"


def _soon(planned: Planned, settings: Settings) -> Iterator[str]:
    last = date.today() + timedelta(days=settings["days"])
    for exception in planned.inputs.get("exceptions") or ():
        if date.fromisoformat(exception["until"]) > last:
            yield (
                f"{exception['declared_at']} lasts until {exception['until']}, more than {settings['days']} days: "
                f"{exception['what']}; end it by {last.isoformat()}, and look at it again then"
            )


GUARD_RAILS = (
    GuardRail(
        "mutual-tls-is-strict",
        "Mutual TLS is STRICT: a plaintext port lets any pod in without an identity.",
        PEER_AUTHENTICATION,
        _strict,
        {"plaintext_ports": {"type": "boolean", "default": False}},
    ),
    GuardRail(
        "cluster-is-protected",
        "A cluster is deleted by two deliberate steps: its apps go with it.",
        GKE_CLUSTER,
        _protected,
        {},
    ),
    GuardRail(
        "control-plane-is-private",
        "Neither the control plane nor a node has a public address.",
        GKE_CLUSTER,
        _private,
        {},
    ),
    GuardRail(
        "hosts-are-listed",
        "A gateway serves hosts that are listed: under a wildcard the next one appears without a review.",
        GATEWAY,
        _hosts,
        {"allowed": {"type": "array", "items": {"type": "string"}, "default": []}},
    ),
    GuardRail(
        "cluster-is-labelled",
        "A cluster has the labels by which its cost is divided.",
        GKE_CLUSTER,
        _labelled,
        {"labels": {"type": "array", "items": {"type": "string"}, "default": ["environment", "team"]}},
    ),
    GuardRail(
        "charts-are-pinned",
        "A chart has an exact version, as far as a pack sees it: a Release's, and not that of a Chart of Helm v4.",
        CHART,
        _pinned,
        {},
    ),
    GuardRail(
        "exceptions-end-soon",
        "Dated exceptions and accepted findings end within a time that somebody remembers.",
        DECLARED_SECURITY,
        _soon,
        {"days": {"type": "integer", "minimum": 1, "default": 90}},
    ),
)
