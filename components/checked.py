"""Has the checker judge a stack's objects and chart values before anything is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import meshlint
from chatgpt_mesh.components import chart_values, decisions
from chatgpt_mesh.components.implied import implied_objects
from chatgpt_mesh.components.specs.addresses import reserved_addresses
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST
from chatgpt_mesh.mesh.specs.problem import Problem, declared_at
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.components.specs.injection import Injection
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.istio_api.chart_values import GatewayValues
    from chatgpt_mesh.istio_api.mesh_config import MeshConfig
    from chatgpt_mesh.istio_api.message import ChartValues
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def charts_of(
    istio: IstioSpec, cluster: ClusterSpec, mesh: Mesh, config: MeshConfig, platform: str | None
) -> dict[str, ChartValues]:
    """The values of every chart that a stack installs, by the name that the linter knows it by."""
    charts: dict[str, ChartValues] = {}
    with declared_at("istio"):
        if istio.install:
            charts["base"] = chart_values.base_values(istio)
        if istio.install and istio.cni:
            charts["cni"] = chart_values.cni_values(istio, platform)
        for revision in istio.control_planes if istio.install else ():
            name = f"istiod/istiod-{revision}" if revision else "istiod"
            charts[name] = chart_values.istiod_values(istio, config, revision=revision, platform=platform)
    for name, gateway in mesh.gateways.items():
        if gateway.existing is not None:
            continue
        with declared_at(gateway.declared_at):
            charts[f"gateway/{gateway.home}/{gateway.release_name}"] = gateway_values_of(
                istio, cluster, mesh, name, platform
            )
    if mesh.graph.failing_over and istio.multi_cluster is not None:
        with declared_at(EAST_WEST.declared_at):
            charts[f"gateway/{EAST_WEST.home}/{EAST_WEST.release_name}"] = east_west_values_of(istio, mesh, platform)
    return charts


def east_west_of(istio: IstioSpec) -> GatewaySpec:
    """The gateway between clusters as this stack sizes it; it lets in whom the other cluster's stack names."""
    spec = istio.multi_cluster
    if spec is None:
        return EAST_WEST
    workload = spec.gateway
    other = spec.peer and spec.peer.cluster
    if other is not None and not workload.service.source_ranges:
        service = workload.service.model_copy(update={"source_ranges": other.callers})
        workload = workload.model_copy(update={"service": service})
    return EAST_WEST.model_copy(update={"workload": workload})


def east_west_values_of(istio: IstioSpec, mesh: Mesh, platform: str | None) -> GatewayValues:
    """The values of its chart."""
    spec = istio.multi_cluster
    return chart_values.gateway_values(
        east_west_of(istio),
        istio,
        drain_seconds=int(mesh.east_west_drain_duration.total_seconds()),
        platform=platform,
        network=None if spec is None else spec.network,
    )


def gateway_values_of(
    istio: IstioSpec, cluster: ClusterSpec, mesh: Mesh, name: str, platform: str | None
) -> GatewayValues:
    """The values of a gateway's chart."""
    drain = mesh.gateway_drain_duration(name)
    return chart_values.gateway_values(
        mesh.gateways[name],
        istio,
        drain_seconds=int(drain.total_seconds()),
        platform=platform,
        reserved_address=reserved_addresses(cluster, mesh.gateways).get(name),
    )


def judged(
    mesh: Mesh,
    charts: Mapping[str, ChartValues],
    injection: Injection,
    *,
    accept: Sequence[AcceptedRiskSpec],
    today: date,
) -> tuple[list[Problem], list[Problem]]:
    """What stops the program, and what it warns of. Each names the declaration that the object stands for."""
    report = meshlint.run(
        [
            *(owned.resource.to_dict() for owned in mesh.objects),
            *implied_objects(mesh, injection),
        ],
        charts={name: values.to_dict() for name, values in charts.items()},
        today=today,
        environment=environment(mesh),
        # A stack that is refused here is mended in a minute; taste and Istio's defaults are settled by its specs.
        profile=meshlint.Profile.STRICT,
        accept=[_acceptance(index, risk) for index, risk in enumerate(accept)],
    )

    def told(findings: Sequence[meshlint.Finding]) -> list[Problem]:
        problems: dict[Problem, None] = {}
        for finding in findings:
            owner = mesh.objects[finding.index].owner if 0 <= finding.index < len(mesh.objects) else ""
            if decisions.answered(mesh, owner, finding):
                continue
            where = f"{owner}: {finding.object}" if owner else finding.object
            decision = decisions.said(mesh, owner, finding)
            problems[decision or Problem(where, f"{finding.code}: {finding.message}")] = None
        return list(problems)

    return told(report.errors), told(report.warnings)


def environment(mesh: Mesh) -> meshlint.Environment:
    """What the objects do not say and the linter asks for."""
    spec = mesh.spec
    return meshlint.Environment(
        production=not spec.faults_allowed,
        whole_mesh=True,
        mcp_paths=tuple(sorted({app.mcp.path for app in spec.apps.values() if app.mcp is not None})),
        mcp_servers={
            host: app.mcp.path
            for app in spec.apps.values()
            if app.mcp is not None
            for host in (app.service_host, *(exposure.host for exposure in app.served))
        },
        longest_call_seconds=mesh.drain_duration.total_seconds(),
        trust_domain=spec.trust_domain,
        root_namespace=ROOT_NAMESPACE,
    )


def _acceptance(index: int, risk: AcceptedRiskSpec) -> meshlint.Acceptance:
    return meshlint.Acceptance.of(risk.code, risk.object, until=risk.until, why=risk.why, where=f"accept[{index}]")
