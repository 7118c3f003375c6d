"""Gateways' pods, and the service accounts that pods run as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.charts import Charts
from meshlint.view.fields import elements, string_map, strings, text
from meshlint.view.gateway_api.api import GatewayApi
from meshlint.view.gateway_api.listeners import GATEWAY_NAME

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.view.kubernetes import Workload
    from meshlint.view.manifest import Manifest


@dataclass(slots=True)
class GatewayWorkload:
    """A gateway's pods, known from a Deployment, a chart or an IstioOperator."""

    obj: Manifest
    path: Path
    name: str
    namespace: str
    labels: dict[str, str]
    service_account: str


class GatewayWorkloads(Charts, GatewayApi):
    """The pods of gateways, from whatever makes them."""

    @cached_property
    def gateway_workloads(self) -> list[GatewayWorkload]:
        """Gateways that a Deployment or a chart runs."""
        found = [
            GatewayWorkload(
                workload.obj,
                workload.pod_path,
                workload.obj.name,
                workload.namespace,
                workload.labels,
                workload.service_account,
            )
            for workload in self.workloads
            if _is_gateway(workload)
        ]
        for chart in self.charts_named("gateway"):
            name = chart.get("name") or chart.release or "istio-ingressgateway"
            labels = {"app": name, "istio": str(name).removeprefix("istio-"), **string_map(chart.values, "labels")}
            account = chart.get("serviceAccount", "name") or name
            found.append(
                GatewayWorkload(chart.obj, chart.path, str(name), chart.namespace or "default", labels, str(account))
            )
        return found

    @cached_property
    def operator_gateways(self) -> list[GatewayWorkload]:
        """Gateways that an IstioOperator asks istioctl for. Their service accounts are named as istioctl does."""
        found: list[GatewayWorkload] = []
        for operator in self.istio_operators:
            for block in ("ingressGateways", "egressGateways"):
                for position, entry in enumerate(elements(operator.spec, "components", block)):
                    name = text(entry, "name")
                    found.append(
                        GatewayWorkload(
                            operator, ("spec", "components", block, position), name,
                            text(entry, "namespace") or operator.namespace,
                            {"app": name, "istio": name.removeprefix("istio-"), **string_map(entry, "label")},
                            f"{name}-service-account",
                        )
                    )  # fmt: skip
        return found

    @cached_property
    def gateway_accounts(self) -> frozenset[tuple[str, str]]:
        """(namespace, name) of the service accounts that gateways and waypoints run as."""
        made = {
            (gateway.obj.namespace, gateway.service_account) for gateway in self.api_gateways if gateway.is_deployed
        }
        return frozenset((gateway.namespace, gateway.service_account) for gateway in self.gateway_workloads) | made

    @cached_property
    def service_accounts(self) -> frozenset[tuple[str, str]]:
        """(namespace, name) of every service account that an object declares or uses."""
        declared = {(obj.namespace, obj.name) for obj in self.by_kind.get("ServiceAccount", ())}
        used = {(workload.namespace, workload.service_account) for workload in self.workloads}
        return self.gateway_accounts | declared | used


def _is_gateway(workload: Workload) -> bool:
    return (
        workload.annotations.get("inject.istio.io/templates") == "gateway"
        or GATEWAY_NAME in workload.labels
        or workload.labels.get("istio", "").endswith(("gateway", "ingress", "egress"))
        or any("router" in strings(container, "args") for container in elements(workload.pod_spec, "containers"))
    )
