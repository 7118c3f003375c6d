"""What a change drains, and what has to start anew to take it.

istiod pushes routes, policies and listeners to running proxies. A proxy whose listener changes lets the connections
there go on for its drain time and then cuts them; a change of routes or endpoints drains nothing.
https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining

What a proxy gets at its start (bootstrap, certificates' trust domain, its version) changes when its pod does.
https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.objects.under_way import selected_labels, touches_listener
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.spec import duration_text
from chatgpt_mesh.review.changes.sentence import Sentence, Topic, listed_words
from meshlint.view.fields import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.review.version import Version
    from meshlint.reachability.settings import Difference


def drains(before: Version, now: Version, differing: Iterable[Difference]) -> Iterator[Sentence]:
    """One sentence for the gateways and one for the sidecars whose listeners change."""
    bodies = {
        owned.resource.key: owned.resource.to_dict() for version in (before, now) for owned in version.mesh.objects
    }
    kinds: dict[str, set[str]] = {}
    for one in differing:
        kind = one.object.partition("/")[0]
        body = bodies.get(one.object)
        if body is not None and touches_listener(body):
            for workload in _workloads(body, now) or _workloads(body, before):
                kinds.setdefault(workload, set()).add(kind)
    together: dict[tuple[str, str], list[str]] = {}
    for name, found in kinds.items():
        section, _, gateway = name.partition(".")
        if section == "gateways" and gateway in now.mesh.gateways:
            span = duration_text(now.mesh.gateway_drain_duration(gateway))
            together.setdefault((listed_words(sorted(found)), span), []).append(gateway)
    for (found, span), gateways in together.items():
        text = f"Listeners of {_gateways(gateways)} change ({found}): streams open there have {span} to end."
        yield Sentence(Topic.DRAINS, text)
    apps = sorted(name for name in now.settings.apps if f"apps.{name}" in kinds)
    if apps:
        every = "all apps" if len(apps) == len(now.settings.apps) and len(apps) > 1 else listed_words(apps)
        span = duration_text(now.mesh.drain_duration)
        text = f"Listeners of the sidecars of {every} change: streams open there have {span} to end."
        yield Sentence(Topic.DRAINS, text)


def _gateways(names: list[str]) -> str:
    return f"gateway{'s' if len(names) > 1 else ''} {listed_words(names)}"


def _workloads(body: Mapping[str, Any], version: Version) -> list[str]:
    """Paths of the gateways and apps that an object is for: without a selector all of its namespace, or of the mesh."""
    wanted = selected_labels(body)
    namespace = body["metadata"].get("namespace")
    everywhere = namespace == ROOT_NAMESPACE
    homes = [(one.declared_at, one.home, one.pod_labels) for one in version.mesh.gateways.values()]
    homes += [(app.declared_at, app.namespace, app.pod_labels) for app in version.settings.apps.values()]
    return [
        name
        for name, home, labels in homes
        if (everywhere or home == namespace) and all(labels.get(key, wants) == wants for key, wants in wanted.items())
        if not wanted or wanted.keys() & labels.keys()
    ]


_PROXY_VALUES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("meshConfig", "defaultConfig"), "the mesh's defaultConfig"),
    (("meshConfig", "trustDomain"), "the trust domain"),
    (("global", "meshID"), "the mesh id"),
    (("global", "network"), "the network"),
    (("global", "multiCluster"), "the cluster's name"),
    (("global", "hub"), "the registry of the images"),
    (("global", "tag"), "the version of the proxy"),
    (("global", "proxy"), "settings of the sidecar's container"),
    (("global", "platform"), "the platform"),
    (("cni",), "the CNI plugin"),
)
"""Values of istiod's chart that a proxy gets with its pod: from the injector, or at its start."""

_WITHOUT_PODS = frozenset({"autoscaling", "podDisruptionBudget", "service", "replicaCount", "networkPolicy"})
"""Values of the gateway's chart that change objects beside its pods."""

_ISTIOD_WITHOUT_PODS = frozenset(
    {
        "meshConfig",
        "global",
        "autoscaleMin",
        "autoscaleMax",
        "autoscaleEnabled",
        "pdb",
        "cpu",
        "base",
        "replicaCount",
        "cni",
    }
)


def restarts(before: Version, now: Version) -> Iterator[Sentence]:
    """Pods that a change replaces, and pods that somebody has to restart before it holds for them."""
    yield from _istio(before, now)
    yield from _proxies(before, now)
    for name, gateway in now.mesh.gateways.items():
        chart = f"gateway/{gateway.home}/{gateway.release_name}"
        if chart not in before.charts or chart not in now.charts:
            continue
        changed = _changed(before.charts[chart], now.charts[chart], _WITHOUT_PODS)
        if changed:
            span = duration_text(now.mesh.gateway_drain_duration(name))
            replaced = f"Pods of gateway {name} are replaced one by one ({', '.join(changed)})"
            yield Sentence(Topic.RESTARTS, f"{replaced}; streams open there have {span} to end.")
    for chart in sorted(before.charts.keys() & now.charts.keys()):
        if chart.startswith("istiod"):
            changed = _changed(before.charts[chart], now.charts[chart], _ISTIOD_WITHOUT_PODS)
            if changed:
                text = f"istiod's pods are replaced ({', '.join(changed)}); traffic goes on meanwhile."
                yield Sentence(Topic.RESTARTS, text)


def _istio(before: Version, now: Version) -> Iterator[Sentence]:
    was, is_ = before.settings.istio, now.settings.istio
    until = "keep the proxy that they have until they are restarted"
    if was.version != is_.version:
        text = f"Istio goes from {was.version} to {is_.version}: istiod is replaced; pods of gateways and apps {until}."
        yield Sentence(Topic.RESTARTS, text, tells=("istio.version",))
    if was.injection != is_.injection:
        text = f"Pods are injected by {is_.injection or 'the default revision'}, not {was.injection or 'the default'}"
        yield Sentence(Topic.RESTARTS, f"{text}: those that run {until}.", tells=("istio.injection",))
    for tag in dict.fromkeys([*was.tags, *is_.tags]):
        old, new = was.tags.get(tag), is_.tags.get(tag)
        if old and new and old != new:
            text = f"Tag {tag} leads to revision {new}, not {old}: pods that it injected {until}."
            yield Sentence(Topic.RESTARTS, text, tells=(f"istio.tags.{tag}",))


def _proxies(before: Version, now: Version) -> Iterator[Sentence]:
    taken = _taken_at_start(before, now)
    if taken:
        what = listed_words(taken)
        gateways = [name for name, one in now.mesh.gateways.items() if one.existing is None]
        who = f"{_gateways(gateways)} and of " if gateways else ""
        read = f"{what[0].upper()}{what[1:]} {'is' if len(taken) == 1 else 'are'} read by a proxy at its start"
        text = f"{read}: restart the pods of {who}all apps with a sidecar, or they go on as they are."
        yield Sentence(Topic.RESTARTS, text)


def _taken_at_start(before: Version, now: Version) -> list[str]:
    found: list[str] = []
    for chart in sorted(before.charts.keys() & now.charts.keys()):
        if chart.startswith("istiod"):
            old, new = before.charts[chart], now.charts[chart]
            found += [
                name for keys, name in _PROXY_VALUES if value(old, *keys) != value(new, *keys) and name not in found
            ]
    return found


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], without: frozenset[str]) -> list[str]:
    names = dict.fromkeys([*before, *now])
    return [name for name in names if name not in without and before.get(name) != now.get(name)]
