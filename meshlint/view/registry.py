"""Istio's registry: Services, service entries, and the workloads behind them."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.hosts import HostIndex
from meshlint.view.kubernetes import WORKLOAD_KINDS, Service, ServiceEntry, Workload, selects
from meshlint.view.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Sequence


class Registry(Objects):
    """Hosts that the mesh knows, and the pods that answer for them."""

    @cached_property
    def services(self) -> list[Service]:
        """Every Service of Kubernetes; other APIs have kinds of that name."""
        return [Service.read(obj, "cluster.local") for obj in self.by_kind.get("Service", ()) if obj.group == ""]

    @cached_property
    def services_by_namespace(self) -> dict[str, list[Service]]:
        """The Services of each namespace."""
        found: dict[str, list[Service]] = defaultdict(list)
        for service in self.services:
            found[service.obj.namespace].append(service)
        return found

    @cached_property
    def service_by_fqdn(self) -> dict[str, Service]:
        """Each Service by the name that the mesh resolves."""
        return {service.fqdn: service for service in self.services}

    @cached_property
    def service_names(self) -> frozenset[str]:
        """`name.namespace` of every Service: what people write where Istio does not expand it."""
        return frozenset(f"{service.obj.name}.{service.obj.namespace}" for service in self.services)

    @cached_property
    def service_entries(self) -> list[ServiceEntry]:
        """Every ServiceEntry."""
        return [ServiceEntry.read(obj) for obj in self.istio("ServiceEntry")]

    @cached_property
    def service_entries_by_host(self) -> dict[str, list[ServiceEntry]]:
        """The service entries that name a host exactly so."""
        found: dict[str, list[ServiceEntry]] = defaultdict(list)
        for entry in self.service_entries:
            for host in entry.hosts:
                found[host].append(entry)
        return found

    @cached_property
    def _entries_by_pattern(self) -> HostIndex[ServiceEntry]:
        return HostIndex((host, entry) for entry in self.service_entries for host in entry.hosts)

    def entries_for(self, host: str, viewer: str | None = None) -> list[ServiceEntry]:
        """The service entries that put `host` into the registry, by name or by wildcard.

        With `viewer`, only those that the proxies of that namespace see.
        """
        found = self._entries_by_pattern.covering(host)
        return [entry for entry in found if viewer is None or entry.visible_in(viewer)]

    def knows_host(self, host: str, viewer: str | None = None) -> bool:
        """Whether the host is in the registry, for the proxies of a namespace where `viewer` names one."""
        return host in self.service_by_fqdn or bool(self.entries_for(host, viewer))

    @cached_property
    def workloads(self) -> list[Workload]:
        """Everything that makes pods."""
        return [Workload.read(obj) for kind in WORKLOAD_KINDS for obj in self.by_kind.get(kind, ())]

    @cached_property
    def workloads_by_namespace(self) -> dict[str, list[Workload]]:
        """The workloads of each namespace."""
        found: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            found[workload.namespace].append(workload)
        return found

    @cached_property
    def _workloads_by_label(self) -> dict[tuple[str, str, str], list[Workload]]:
        found: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            for name, content in workload.labels.items():
                found[workload.namespace, name, content].append(workload)
        return found

    @cached_property
    def _workloads_by_label_anywhere(self) -> dict[tuple[str, str], list[Workload]]:
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            for name, content in workload.labels.items():
                found[name, content].append(workload)
        return found

    def select(self, namespace: str | None, selector: dict[str, str]) -> list[Workload]:
        """The workloads that carry all labels of `selector`, in one namespace or (None) in all."""
        if not selector:
            return self.workloads if namespace is None else self.workloads_by_namespace.get(namespace, [])
        candidates: Sequence[Workload] | None = None
        for name, wanted in selector.items():
            carrying: Sequence[Workload] = (
                self._workloads_by_label_anywhere.get((name, wanted), ())
                if namespace is None
                else self._workloads_by_label.get((namespace, name, wanted), ())
            )
            if candidates is None or len(carrying) < len(candidates):
                candidates = carrying
        return [workload for workload in candidates or () if selects(selector, workload.labels)]

    def backends(self, service: Service) -> list[Workload]:
        """The workloads behind a Service."""
        return self.select(service.obj.namespace, service.selector) if service.selector else []
