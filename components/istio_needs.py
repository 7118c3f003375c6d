"""What a stack needs of an Istio that somebody else installs, and where a running one differs.

With `istio.install: true` these are values of this stack's own charts (`components.mesh_config`,
`components.chart_values`), from which the list is taken. Otherwise whoever installs Istio sets them, and only they can.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from chatgpt_mesh.components.chart_values import ISTIOD_ENVIRONMENT, METADATA_SERVER
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.spec import duration_text
from chatgpt_mesh.mesh.specs.telemetry_providers import JSON_LOG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from chatgpt_mesh.components.specs.injection import Injection
    from chatgpt_mesh.control_plane.installation import Installation
    from chatgpt_mesh.mesh.build import Mesh

_ISTIO_DRAIN = timedelta(seconds=45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One setting of somebody else's Istio."""

    where: Literal["meshConfig", "env", "values", "labels"]
    """MeshConfig, istiod's environment, the values of the sidecar injector, or the labels of a namespace."""
    path: tuple[str, ...]
    value: Any
    why: str
    declared_at: str
    """Path in the stack file of what needs it."""
    holds: Literal["equal", "contains", "at_least", "includes", "lists", "selects"] = "equal"
    """equal: as it is. contains: these keys among others. at_least: this long or longer. includes: among others, by
    comma. lists: a list with these among others. selects: label selectors, none or one that takes in the labels."""
    default: Any = None
    """What istiod takes where nobody has said."""
    also: tuple[Any, ...] = ()
    """Further values that mean the same."""

    @property
    def setting(self) -> str:
        """Its name, as Istio's reference and charts have it."""
        match self.where:
            case "env":
                return f"istiod's environment: {self.path[0]}"
            case "labels":
                return f"labels of namespace {self.path[0]}"
            case _:
                return ".".join((self.where, *self.path))

    @property
    def asked(self) -> str:
        """What is needed, in words."""
        match self.holds:
            case "at_least":
                return f"{self.value} or longer"
            case "includes" | "lists":
                return f"{_text(self.value)} among others"
            case "selects":
                labels = ", ".join(f"{key}={value}" for key, value in self.value.items())
                return f"empty, or with a selector that takes in {labels}"
            case _:
                return _text(self.value)

    def __str__(self) -> str:
        return f"{self.setting} = {self.asked}, because {self.why} (declared at {self.declared_at})"

    def difference(self, installed: Installation) -> str | None:
        """A sentence where it does not hold, with the mend."""
        found = self._found(installed)
        if self._holds(self.default if found is None else found):
            return None
        stands = "is not set" if found is None else f"is {_text(found)}"
        return (
            f"{self.setting} {stands}, and this stack needs {self.asked}: {self.why} (declared at {self.declared_at})"
        )

    def _found(self, installed: Installation) -> Any:
        if self.where == "env":
            return installed.environment.get(self.path[0])
        if self.where == "labels":
            return installed.namespaces.get(self.path[0])
        node: Any = installed.mesh_config if self.where == "meshConfig" else installed.injector_values
        if self.path[0].startswith("extensionProviders["):
            return _provider(node, self.path[0].partition("[")[2].removesuffix("]"))
        for key in self.path:
            if not isinstance(node, dict):
                return None
            node = cast("dict[str, Any]", node).get(key)
        return node

    def _holds(self, found: Any) -> bool:
        match self.holds:
            case "equal":
                return found == self.value or found in self.also
            case "contains":
                return _contains(found, self.value)
            case "at_least":
                return _seconds(found) >= _seconds(self.value)
            case "includes":
                return self.value in str(found or "").split(",")
            case "lists":
                return isinstance(found, list) and all(one in found for one in self.value)
            case "selects":
                return not found or any(_selects(selector, self.value) for selector in found)


def needs_of(
    mesh: Mesh, injection: Injection, platform: str | None, existing: Collection[str] = ()
) -> tuple[Need, ...]:
    """What the declaration relies on and its objects do not say.

    `platform`: `gke`, where the cluster runs there. `existing`: namespaces of apps that somebody else makes.
    """
    labelled = (
        Need(
            where="labels",
            path=(name,),
            value=dict(injection.labels),
            holds="contains",
            why="its pods would have no sidecar, and so neither identity nor policy",
            declared_at=f"namespaces.{name}",
        )
        for name in sorted(existing)
    )
    return (*labelled, *_security(mesh, injection, platform), *_calls(mesh), *_providers(mesh))


def differences(needs: Sequence[Need], installed: Installation) -> list[str]:
    """A sentence for each need that a running Istio does not meet."""
    found = (need.difference(installed) for need in needs)
    who = f"ask whoever installs Istio (control plane {installed.revision}) to set it."
    return [f"{difference}; {who}" for difference in found if difference is not None]


def _security(mesh: Mesh, injection: Injection, platform: str | None) -> Iterator[Need]:
    spec = mesh.spec
    yield Need(
        where="meshConfig",
        path=("trustDomain",),
        value=spec.trust_domain,
        default="cluster.local",
        why="the principals of every policy begin with it",
        declared_at="trust_domain",
    )
    if spec.security.scope == "mesh":
        yield Need(
            where="meshConfig",
            path=("rootNamespace",),
            value=ROOT_NAMESPACE,
            default=ROOT_NAMESPACE,
            why="what holds for the whole mesh is written there",
            declared_at="security.scope",
        )
        yield Need(
            where="meshConfig",
            path=("outboundTrafficPolicy", "mode"),
            value="REGISTRY_ONLY",
            default="ALLOW_ANY",
            why="a namespace with a Sidecar of its own could call every host otherwise",
            declared_at="security.scope",
        )
    yield Need(
        where="meshConfig",
        path=("pathNormalization", "normalization"),
        value="BASE",
        default="BASE",
        also=("DEFAULT",),
        why="policies and routes are written for paths without . and .., and with slashes as they were sent",
        declared_at="apps",
    )
    for name in mesh.graph.own_namespaces:
        yield Need(
            where="meshConfig",
            path=("discoverySelectors",),
            value={"kubernetes.io/metadata.name": name, **injection.labels},
            holds="selects",
            why=f"istiod would not know what is in {name}",
            declared_at=next(found.owners[0] for found in mesh.namespaces if found.name == name),
        )
    if platform == "gke":
        yield Need(
            where="values",
            path=("global", "proxy", "excludeIPRanges"),
            value=METADATA_SERVER,
            holds="includes",
            why="pods ask Google's metadata server for their identity, which closed egress would keep from them",
            declared_at="istio.platform",
        )


def _calls(mesh: Mesh) -> Iterator[Need]:
    config = mesh_config(mesh).to_dict()
    yield Need(
        where="meshConfig",
        path=("defaultHttpRetryPolicy",),
        value=config["defaultHttpRetryPolicy"],
        holds="contains",
        why="Istio's default repeats a request after a 503 wherever no route says otherwise, and a tool call must not "
        "run twice",
        declared_at="apps",
    )
    if mesh.drain_duration > _ISTIO_DRAIN:
        longest = max(mesh.spec.apps.values(), key=lambda app: app.longest_call)
        yield Need(
            where="meshConfig",
            path=("defaultConfig", "drainDuration"),
            value=duration_text(mesh.drain_duration),
            default=duration_text(_ISTIO_DRAIN),
            holds="at_least",
            why="a change of policy cuts the streams that last longer",
            declared_at=f"{longest.declared_at}.longest_call",
        )
    yield Need(
        where="meshConfig",
        path=("defaultConfig", "holdApplicationUntilProxyStarts"),
        value=True,
        default=False,
        why="an app that starts before its proxy has no network, and its first calls fail",
        declared_at="apps",
    )
    for name, value in config["defaultConfig"].get("proxyStatsMatcher", {}).items():
        yield Need(
            where="meshConfig",
            path=("defaultConfig", "proxyStatsMatcher", name),
            value=value,
            holds="lists",
            why="dashboards and alerts read statistics of proxies that Istio leaves out otherwise",
            declared_at="telemetry.metrics.proxies",
        )
    for name, value in ISTIOD_ENVIRONMENT.items():
        yield Need(
            where="env",
            path=(name,),
            value=value,
            why="a gateway otherwise holds every service of the cluster, and grows with whatever other teams add",
            declared_at="gateways",
        )


def _providers(mesh: Mesh) -> Iterator[Need]:
    """The providers that Telemetry objects and policies name. Istio has its own `prometheus`."""
    tracing = mesh.spec.telemetry.tracing
    used = {JSON_LOG: "telemetry.access_log"}
    if tracing is not None:
        used[tracing.provider] = f"telemetry.providers.{tracing.provider}"
    used |= {name: authorizer.declared_at for name, authorizer in mesh.spec.authorizers.items()}
    for provider in mesh_config(mesh).to_dict()["extensionProviders"]:
        name = provider["name"]
        if name in used:
            yield Need(
                where="meshConfig",
                path=(f"extensionProviders[{name}]",),
                value=_said({key: value for key, value in provider.items() if key != "name"}),
                holds="contains",
                why=(
                    "for an authorizer that is not there a proxy refuses everything"
                    if name in mesh.spec.authorizers
                    else "Telemetry names it, and istiod leaves out a provider that it does not know"
                ),
                declared_at=used[name],
            )


def _said(provider: dict[str, Any]) -> dict[str, Any]:
    """Without what is so in any case: a log goes to standard output."""
    log = provider.get("envoyFileAccessLog")
    if log is None or log.get("path") != "/dev/stdout":
        return provider
    return {**provider, "envoyFileAccessLog": {key: value for key, value in log.items() if key != "path"}}


def _provider(mesh_config: Mapping[str, Any], name: str) -> Any:
    for provider in mesh_config.get("extensionProviders") or ():
        if provider.get("name") == name:
            return {key: value for key, value in provider.items() if key != "name"}
    return None


def _contains(found: Any, needed: Any) -> bool:
    """Whether everything that is needed is there; a provider may have further settings."""
    if isinstance(needed, dict):
        return isinstance(found, dict) and all(
            _contains(cast("dict[str, Any]", found).get(key), value)
            for key, value in cast("dict[str, Any]", needed).items()
        )
    return found == needed


def _seconds(duration: Any) -> float:
    """Of a duration as Go writes it: 45s, 10m, 1h30m, 250ms."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
    parts = re.findall(r"([0-9.]+)(h|ms|us|ns|m|s)", str(duration))
    return sum(float(amount) * units[unit] for amount, unit in parts)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Sequence[Mapping[str, Any]] = selector.get("matchExpressions") or ()
    return wanted.items() <= labels.items() and all(_fulfils(expression, labels) for expression in expressions)


def _fulfils(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
