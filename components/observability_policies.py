"""Who reaches what this stack installs for people, as NetworkPolicies of whole namespaces. Pure.

A port-forward needs no rule: it comes from the pod's own node. https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chatgpt_mesh.components.login import NAME as LOGIN
from chatgpt_mesh.components.managed_prometheus import CERT_MANAGER_PORT, CONTROL_PLANE_PORT, PROXY_PORT
from chatgpt_mesh.components.specs import collector, grafana_chart, metrics_store, trace_store
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.components.managed_prometheus import Scraped
    from chatgpt_mesh.components.specs.collector import CollectorSpec
    from chatgpt_mesh.components.specs.login import LoginSpec
    from chatgpt_mesh.components.specs.metrics_store import PrometheusSpec
    from chatgpt_mesh.components.specs.observability import ObservabilitySpec

Rule = dict[str, Any]

KIALI_PORT = 20001
DNS: Rule = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
API_SERVER: Rule = {"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443)]}
"""Its address is no pod's, so a rule has the ports alone."""


def policies(spec: ObservabilitySpec, scraped: Scraped) -> Iterator[dict[str, Any]]:
    """One for each namespace that is made, and Kiali's where a login stands before it."""
    kiali = [] if spec.kiali is None else [spec.kiali.namespace]
    login = [] if spec.login is None else [spec.login.namespace]
    grafana = [spec.grafana.namespace] if spec.grafana is not None and spec.grafana.install is not None else []
    if spec.prometheus is not None:
        asked = [_from(grafana + kiali, metrics_store.PORT)] if grafana + kiali else []
        yield _policy("prometheus", spec.prometheus.namespace, asked, list(_scrapes(spec.prometheus, scraped)))
    for namespace in grafana:
        asked = [_from(login + kiali, grafana_chart.PORT)] if login + kiali else []
        metrics = [] if spec.prometheus is None else [_to([spec.prometheus.namespace], metrics_store.PORT)]
        traces = [] if spec.traces is None else [_to([spec.traces.namespace], trace_store.QUERY_PORT)]
        yield _policy("grafana", namespace, asked, [DNS, API_SERVER, *metrics, *traces])
    yield from _of_traces(spec, grafana + kiali, scraped)
    if spec.login is not None:
        shown = [*([_to(grafana, grafana_chart.PORT)] if grafana else []), *([_to(kiali, KIALI_PORT)] if kiali else [])]
        asked = [_from(spec.login.from_namespaces, spec.login.port)] if spec.login.from_namespaces else []
        yield _policy(LOGIN, spec.login.namespace, asked, [DNS, _issuer(spec.login), *shown])
        for namespace in kiali:
            # What it asks is at addresses that the declaration names, inside the cluster and outside.
            yield _policy("kiali", namespace, [_from(login, KIALI_PORT)], None)


def _scrapes(spec: PrometheusSpec, scraped: Scraped) -> Iterator[Rule]:
    yield DNS
    yield API_SERVER
    if scraped.proxies:
        yield _to(scraped.proxies, PROXY_PORT)
    if scraped.control_plane:
        yield _to([ROOT_NAMESPACE], CONTROL_PLANE_PORT)
    if scraped.cert_manager is not None:
        yield _to([scraped.cert_manager], CERT_MANAGER_PORT)
    if spec.alertmanager is not None:
        host, _, port = spec.alertmanager.partition(":")
        yield _to([host.split(".")[1]], int(port))


def _of_traces(spec: ObservabilitySpec, readers: Sequence[str], scraped: Scraped) -> Iterator[dict[str, Any]]:
    """From proxies to the collector, from there to the store, which `readers` ask."""
    store, sender = spec.traces, spec.collector
    if store is not None:
        senders = [] if sender is None else [_from([sender.namespace], trace_store.SPANS_PORT)]
        asked = [_from(readers, trace_store.QUERY_PORT)] if readers else []
        yield _policy(trace_store.NAME, store.namespace, [*senders, *asked], [DNS])
    if sender is not None:
        taken = [_from(scraped.proxies, port) for port in _taken(sender)] if scraped.proxies else []
        leaves = [] if store is None else [_to([store.namespace], trace_store.SPANS_PORT)]
        if sender.endpoint is not None:
            # Inside or outside the cluster, at no fixed address.
            leaves = [{"ports": [{"protocol": "TCP", "port": urlsplit(sender.endpoint).port}]}]
        yield _policy(collector.NAME, sender.namespace, taken, [DNS, *leaves])


def _taken(spec: CollectorSpec) -> Iterator[int]:
    yield collector.GRPC_PORT
    if spec.http:
        yield collector.HTTP_PORT
    if spec.zipkin:
        yield collector.ZIPKIN_PORT


def _issuer(login: LoginSpec) -> Rule:
    """The provider is outside, at no fixed address."""
    return {"ports": [{"protocol": "TCP", "port": urlsplit(login.issuer).port or 443}]}


def _of(namespaces: Sequence[str]) -> list[dict[str, Any]]:
    named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(namespaces)}
    return [{"namespaceSelector": {"matchExpressions": [named]}}]


def _from(namespaces: Sequence[str], port: int) -> Rule:
    return {"from": _of(namespaces), "ports": [{"protocol": "TCP", "port": port}]}


def _to(namespaces: Sequence[str], port: int) -> Rule:
    return {"to": _of(namespaces), "ports": [{"protocol": "TCP", "port": port}]}


def _policy(name: str, namespace: str, ingress: list[Rule], egress: list[Rule] | None) -> dict[str, Any]:
    """Every pod of the namespace; `egress` None leaves what it asks alone."""
    leaves = {} if egress is None else {"egress": egress}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", *(["Egress"] if leaves else [])],
            "ingress": ingress,
            **leaves,
        },
    }
