"""Apps from what Kubernetes runs: Services, the pods behind them, and their accounts.

Their objects stay with whoever owns the app: the declaration names them and makes none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing.draft import Draft, Workload, service_of
from chatgpt_mesh.importing.source import Source, as_list, as_mapping, texts
from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.mesh.specs.kubernetes_names import belongs_to_kubernetes
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTROLLERS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})

_STAYS = {
    "Service": "the app's team owns its Service; the declaration names it",
    "ServiceAccount": "the app's team owns the account of its pods; the declaration names it",
    "Namespace": "whoever made the namespace keeps it, with what it is labelled",
    **dict.fromkeys(
        CONTROLLERS, "the app's team owns what runs; the declaration says what it may be asked and by whom"
    ),
}

_NO_APP = "is of Kubernetes or of another controller; the declaration has a place for Istio's kinds alone"

_INSTALLATION = (
    "Istio is installed from its charts by what istio, gateways and telemetry say; copy what you need of this by hand"
)

_SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

_HTTP = ("http", "http2", "grpc", "grpc-web", "")
"""How Istio reads the name of a port or its appProtocol: these are HTTP, and none may be."""

LEFT_WITH_ITS_OWNER = (
    "is not read, printed or written anywhere; whoever keeps it goes on, and the declaration names Secrets alone"
)


def read(draft: Draft) -> None:
    """Apps of all Services that speak HTTP, and of workloads without one; then every object is kept where it is."""
    accounts: dict[tuple[str, str], str] = {}
    for service in draft.of_kind("Service", ""):
        _app_of_service(draft, service, accounts)
    for one in controllers(draft):
        _app_without_service(draft, one, accounts)
    for one in draft.of_kind("Namespace", ""):
        if any(workload.namespace == one.name for workload in draft.workloads.values()):
            draft.values.setdefault("namespaces", {})[one.name] = {"existing": True}
    for one in draft.undecided:
        if one.kind == "Secret" and one.group == "":
            one.say((), LEFT_WITH_ITS_OWNER, show=False)
        elif one.group == "install.istio.io":
            one.keep(_INSTALLATION)
        elif not one.group.endswith(".istio.io") or one.kind not in KINDS:
            one.keep(_STAYS.get(one.kind, _NO_APP))


def refused_namespace(namespace: str) -> str | None:
    """Why no app can be declared in a namespace."""
    if namespace == ROOT_NAMESPACE:
        return "is Istio's own, where nothing of an app may stand"
    return belongs_to_kubernetes(namespace)


def from_reference(draft: Draft, host: str, namespace: str, port: int | None) -> Workload | None:
    """The app of a Service that routes lead to; one that no object shows is taken to be as it usually is."""
    if found := draft.workload_of(host, namespace):
        return found
    service, home = service_of(host, namespace)
    if not _SERVICE.fullmatch(service) or refused_namespace(home) or _is_of_somebody_else(draft, service, home):
        return None
    workload = Workload(_free(draft, service, home), home, service, {"app": service}, service)
    _declare(draft, workload, {"port": port or 80})
    told = "" if port else " and port 80"
    draft.assume(
        f"apps.{workload.app}: no object shows the Service {service} of namespace {home}; its pods are taken to carry "
        f"app={service} and to run as the account {service}{told}."
    )
    return workload


def _is_of_somebody_else(draft: Draft, service: str, namespace: str) -> bool:
    return any(s.kind == "Service" and s.name == service and s.namespace == namespace for s in draft.sources)


def _app_of_service(draft: Draft, service: Source, accounts: dict[tuple[str, str], str]) -> None:
    selector = texts(service.spec.get("selector"))
    if refusal := refused_namespace(service.namespace):
        draft.assume(f"Service {service.name} is no app here: namespace {service.namespace} {refusal}.")
        return
    ports = [as_mapping(port) for port in as_list(service.spec.get("ports"))]
    spoken = [port for port in ports if _protocol(port) in _HTTP and port.get("protocol", "TCP") == "TCP"]
    if not selector or not spoken:
        draft.assume(
            f"Service {service.key.partition('/')[2]} is no app here: an app has pods of its own and speaks HTTP. What "
            f"calls it needs it under security.visible_services."
        )
        return
    running = [one for one in controllers(draft) if one.namespace == service.namespace and runs(one, selector)]
    if any(_is_gateway(draft, labels) for labels in (selector, *map(pod_labels, running))):
        return
    app = _free(draft, service.name, service.namespace)
    workload = Workload(app, service.namespace, service.name, selector, _account(draft, app, running, accounts))
    workload.pods = [pod_labels(one) for one in running]
    declared: dict[str, Any] = {"port": spoken[0].get("port")}
    target = _target(spoken[0], running)
    if target not in (None, spoken[0].get("port")):
        declared["target_port"] = target
    _declare(draft, workload, declared)
    for further in ports:
        if further is not spoken[0]:
            draft.assume(
                f"apps.{app}: port {further.get('port')} of its Service is not declared, since an app has one; nobody "
                "gets through to it."
            )


def _app_without_service(draft: Draft, one: Source, accounts: dict[tuple[str, str], str]) -> None:
    """What runs and is called by nobody can still call."""
    labels = pod_labels(one)
    if not labels or refused_namespace(one.namespace) or _is_gateway(draft, labels):
        return
    services = [s for s in draft.of_kind("Service", "") if s.namespace == one.namespace]
    if any(runs(one, texts(s.spec.get("selector"))) for s in services if s.spec.get("selector")):
        return
    app = _free(draft, one.name, one.namespace)
    account = _account(draft, app, [one], accounts)
    _declare(draft, Workload(app, one.namespace, None, labels, account, [labels]), None)


def _declare(draft: Draft, workload: Workload, service: dict[str, Any] | None) -> None:
    app = workload.app
    declared: dict[str, Any] = {"namespace": workload.namespace}
    if service is not None:
        named = {} if workload.service == app else {"name": workload.service}
        declared["service"] = {**named, **service}
    if workload.account != app:
        declared["service_account"] = workload.account
    if workload.labels != {"app": app}:
        declared["labels"] = dict(workload.labels)
    draft.apps[app] = declared
    draft.workloads[app] = workload


def _account(draft: Draft, app: str, running: list[Source], accounts: dict[tuple[str, str], str]) -> str:
    """The identity of an app's pods: one, and nobody else's."""
    named = list(dict.fromkeys(account_of(one) for one in running)) or [app]
    namespace = running[0].namespace if running else ""
    first = named[0]
    if len(named) > 1:
        draft.assume(
            f"apps.{app}: its pods run under several accounts ({', '.join(named)}), and an app has one identity; it is "
            f"taken to be {first}, and what runs under another is a stranger to those it calls."
        )
    if first == "default" or accounts.setdefault((namespace, first), app) != app:
        owner = accounts.get((namespace, first), "")
        shared = f"which apps.{owner} runs under too" if owner not in ("", app) else "which every pod may run under"
        draft.assume(
            f"apps.{app}: its pods run under the account {first}, {shared}; it is declared with one of its own, {app}: "
            f"make that ServiceAccount and name it in what runs."
        )
        return app
    return first


def controllers(draft: Draft) -> Iterator[Source]:
    yield from (one for one in draft.sources if one.kind in CONTROLLERS and not one.is_decided)


def _template(one: Source) -> Mapping[str, Any]:
    return as_mapping(one.spec.get("template"))


def pod_labels(one: Source) -> dict[str, str]:
    return texts(as_mapping(_template(one).get("metadata")).get("labels"))


def runs(one: Source, selector: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= pod_labels(one).items()


def account_of(one: Source) -> str:
    return str(as_mapping(_template(one).get("spec")).get("serviceAccountName") or "default")


def _is_gateway(draft: Draft, labels: Mapping[str, str]) -> bool:
    """Whether pods with these labels are a gateway's: some Gateway selects them, or they are labelled as one."""
    selectors = [texts(one.spec.get("selector")) for one in draft.sources if one.kind == "Gateway"]
    selected = any(selector and selector.items() <= labels.items() for selector in selectors)
    return selected or labels.get("istio", "").endswith("gateway")


def _protocol(port: Mapping[str, Any]) -> str:
    named = port.get("appProtocol") or str(port.get("name") or "").partition("-")[0]
    return str(named).lower().removeprefix("kubernetes.io/")


def _target(port: Mapping[str, Any], running: list[Source]) -> Any:
    """The number of the container's port; a name is looked up in the pods."""
    target = port.get("targetPort")
    if not isinstance(target, str):
        return target
    for one in running:
        for container in as_list(as_mapping(_template(one).get("spec")).get("containers")):
            for listed in as_list(as_mapping(container).get("ports")):
                if as_mapping(listed).get("name") == target:
                    return as_mapping(listed).get("containerPort")
    return None


def _free(draft: Draft, name: str, namespace: str) -> str:
    """A name for an app: that of its Service, as a DNS label; with the namespace where two have it, and with a word
    where a version of another app is called so (`reviews-v1`)."""
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    label = f"{label}-app" if label in _versions(draft) else label
    return label if label not in draft.workloads else f"{label}-{namespace}"


def _versions(draft: Draft) -> set[str]:
    """Names of apps' versions, `APP-VERSION`, that subsets may become."""
    named = [
        (one.spec.get("host"), as_mapping(subset).get("name"))
        for one in draft.sources
        if one.kind == "DestinationRule"
        for subset in as_list(one.spec.get("subsets"))
    ]
    for one in draft.sources:
        for route in as_list(one.spec.get("http")) if one.kind == "VirtualService" else ():
            for entry in as_list(as_mapping(route).get("route")):
                destination = as_mapping(as_mapping(entry).get("destination"))
                named.append((destination.get("host"), destination.get("subset")))
    return {f"{str(host).partition('.')[0]}-{subset}" for host, subset in named if subset}
