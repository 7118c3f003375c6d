"""From objects to a declaration, what stays beside it, and what each field became."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing import destination_rules, egress, gateways, policies, virtual_services, workloads
from chatgpt_mesh.importing.draft import Draft
from chatgpt_mesh.importing.settle import settle
from chatgpt_mesh.importing.source import Fate, Manifest, Source, as_mapping, texts
from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from chatgpt_mesh.review.version import Version

DOMAIN = "example.com"
"""Below which hosts are assumed."""

NAMESPACE = "apps"
"""That of objects which name none: `default`, where they would go, is no place for apps."""

_CLUSTER_WIDE = frozenset(
    {
        *("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PersistentVolume"),
        *("StorageClass", "GatewayClass", "IngressClass", "PriorityClass", "ClusterIssuer", "Node", "APIService"),
        *("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy"),
        *("ValidatingAdmissionPolicyBinding",),
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A declaration that loads, builds and passes the checker, and an account of the input."""

    version: Version
    values: dict[str, Any]
    """Settings by name, as a stack file has them below `config`."""
    rest: list[Manifest]
    """What stays beside the declaration."""
    sources: list[Source]
    assumed: list[str] = field(default_factory=list[str])


def imported(objects: Sequence[Manifest], today: date, *, domain: str = DOMAIN, namespace: str = NAMESPACE) -> Imported:
    """The declaration of these objects.

    Args:
        objects: Manifests as they are applied, in any order.
        today: The day by which dated settings are judged.
        domain: DNS domain of a host where the input has `*`.
        namespace: Namespace of objects that name none.

    Raises:
        NotImportableError: nothing can be left out that would make a declaration of them.
    """
    sources = _sources(objects, namespace)
    draft = Draft(domain, sources)
    draft.values.update({"cluster": {"kind": "existing"}, "istio": {"version": RELEASE}})
    draft.assume("cluster: taken to be there (kind: existing), by the current context of the kubeconfig.")
    draft.assume(f"istio: {RELEASE}, installed by this stack; istio.install: false says that somebody else does.")
    if unnamed := sum(1 for one in objects if _lacks_namespace(one)):
        draft.assume(
            f"{unnamed} objects name no namespace and are taken for namespace {namespace} (--namespace says another)."
        )
    workloads.read(draft)
    known = gateways.read(draft)
    virtual_services.find_apps(draft)
    destination_rules.read(draft)
    virtual_services.read(draft, known)
    policies.read(draft)
    egress.read(draft, known)
    destination_rules.finish(draft)
    raw = _left(draft)
    for name in [name for name, declared in draft.gateways.items() if _idle(draft, name, declared)]:
        draft.drop(f"gateways.{name}", "no host is served by it, and none leaves by it, so it is not declared")
    for name in ("gateways", "apps"):
        if not draft.values.get(name):
            draft.values.pop(name, None)
    version, beside = settle(draft, raw, today)
    for source in sources:
        source.settle()
    rest = [one.kept_as for one in sources if one.kept_as is not None and (one not in raw or one in beside)]
    return Imported(version, _ordered(draft.values), rest, sources, draft.assumed)


def in_rest(found: Imported, source: Source) -> bool:
    """Whether what is kept of an object stands in the file beside the declaration."""
    return any(source.kept_as is one for one in found.rest)


def _sources(objects: Iterable[Manifest], namespace: str) -> list[Source]:
    sources: list[Source] = []
    for one in objects:
        manifest = copy.deepcopy(one)
        if _lacks_namespace(one):
            manifest["metadata"] = {**as_mapping(manifest.get("metadata")), "namespace": namespace}
        sources.append(Source(manifest))
    _decide_on_twins(sources)
    for source in sources:
        if source.kind in KINDS and source.group.endswith(".istio.io") and (refusal := _refusal(source)):
            source.keep(f"Istio does not take it as it is: {refusal}")
    return sources


def _decide_on_twins(sources: list[Source]) -> None:
    """Of two manifests of one object the last one holds, as where they are applied in their order."""
    last = {(source.group, source.key): source for source in sources}
    for source in sources:
        if last[source.group, source.key] is not source:
            source.is_replaced = True
            source.say((), "another manifest of the same object follows, and holds", show=False)


def _refusal(source: Source) -> str | None:
    """Why Istio would refuse an object. A field that it does not know is dropped by the API server, and no reason."""
    wanted = source.wanted
    given = {key: wanted[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in wanted}
    try:
        Resource.from_dict(given)
    except InvalidMessage as error:
        return next((problem for problem in error.problems if ": unknown field of " not in problem), None)
    return None


def _lacks_namespace(manifest: Manifest) -> bool:
    named = as_mapping(manifest.get("metadata")).get("namespace")
    return not named and manifest.get("kind") not in _CLUSTER_WIDE


def _idle(draft: Draft, name: str, declared: dict[str, Any]) -> bool:
    if declared["kind"] == "egress":
        return not draft.values.get("egress", {}).get("allow")
    used = any(app.get("gateway") == name for app in draft.apps.values())
    further = any(one["gateway"] == name for app in draft.apps.values() for one in app.get("further_hosts", []))
    return not (used or further or declared.get("listeners"))


def _left(draft: Draft) -> list[Source]:
    """Istio's objects that stay objects: those of which nothing has been read."""
    raw: list[Source] = []
    for source in draft.sources:
        if not source.group.endswith(".istio.io") or source.kind not in KINDS:
            continue
        if source.kept_as is None and not source.is_read and (sentence := _in_the_way(draft, source)):
            source.say((), sentence)
        elif source.kept_as is None and not source.is_read:
            source.keep("it stays an object, which no other setting has a word for")
        if source.kept_as is not None:
            raw.append(source)
    return raw


def _in_the_way(draft: Draft, source: Source) -> str | None:
    """Why an object cannot stand beside the declaration at all: Istio takes one of its kind, and that is declared."""
    selector = source.spec.get("selector") or source.spec.get("workloadSelector")
    whole_mesh = source.namespace == ROOT_NAMESPACE and not selector
    if source.kind == "Telemetry" and whole_mesh and not source.spec.get("targetRefs"):
        return "Istio takes one Telemetry for the whole mesh; say under telemetry what is recorded and where it goes"
    if source.kind == "Sidecar":
        labels = texts(as_mapping(selector).get("labels"))
        if whole_mesh or draft.selected(source.namespace, labels):
            return (
                "Istio takes one Sidecar per workload, and what an app's knows follows from callers, egress.allow and "
                "security.visible_services"
            )
    return None


_ORDER = ("cluster", "istio", "namespaces", "gateways", "egress", "faults_allowed", "apps", "objects")


def _ordered(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(values, key=lambda name: _ORDER.index(name))}


def fates(found: Imported) -> dict[Fate, int]:
    """How many fields of the input had each fate."""
    counted = dict.fromkeys(Fate, 0)
    for source in found.sources:
        for leaf in source.leaves.values():
            counted[leaf.fate] += 1
    return counted
