"""Everything of a declared mesh on a cluster that is connected, in the order in which it has to be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pulumi

from chatgpt_mesh.components import checked, outputs
from chatgpt_mesh.components.cert_manager import CertManager
from chatgpt_mesh.components.dated_exceptions import dated_exceptions
from chatgpt_mesh.components.gateways import Gateway, GatewayArgs
from chatgpt_mesh.components.grants import Grants
from chatgpt_mesh.components.istio import Istio, IstioArgs
from chatgpt_mesh.components.istio_needs import needs_of
from chatgpt_mesh.components.istio_objects import IstioObjects, IstioObjectsArgs
from chatgpt_mesh.components.managed_prometheus import Scraped
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.observability import Observability, ObservabilityArgs
from chatgpt_mesh.components.ordering import everything_of, milestone, together
from chatgpt_mesh.components.other_cluster import RemoteReader, remote_secret
from chatgpt_mesh.components.rate_limit import RateLimit, RateLimitArgs
from chatgpt_mesh.components.redis_access import declared_redis
from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.components.specs.namespace import NamespaceSpec, QuotaSpec
from chatgpt_mesh.components.specs.observability import ObservabilitySpec
from chatgpt_mesh.components.tenancy import tenancy
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.memorystore import Memorystore
    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.mesh.build import Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshOnClusterArgs:
    mesh: Mesh
    istio: IstioSpec
    cluster: ClusterSpec
    """Which addresses are reserved for gateways."""
    platform: str | None
    """`gke`, where Istio's charts must know."""
    namespaces: Mapping[str, NamespaceSpec]
    cert_manager: CertManagerSpec | None
    observability: ObservabilitySpec
    accept: Sequence[AcceptedRiskSpec]
    sealed: Sealing = nothing_secret
    api_server: pulumi.Input[str] | None = None
    """URL of the API server of a cluster that is made here, for the other cluster of the mesh."""
    memorystore: Memorystore | None = None
    """The Redis that was made for the rate limit service."""
    certificates_taken: pulumi.ResourceHook | None = None
    acknowledged: pulumi.ResourceHook | None = None
    foretold: pulumi.ResourceHook | None = None
    """Hooks: see `IstioObjectsArgs`."""


class MeshOnCluster:
    """Istio, namespaces, gateways, Istio objects and what shows people the mesh."""

    def __init__(
        self,
        args: MeshOnClusterArgs,
        on_cluster: pulumi.ResourceOptions,
        definitions: pulumi.ResourceTransform | None = None,
    ) -> None:
        """`on_cluster` names the cluster's provider or a parent that has it; `definitions` registers custom resource
        definitions of charts in a way of their own."""
        self._args, self._on_cluster = args, on_cluster
        told = IstioArgs(
            spec=args.istio, mesh_config=mesh_config(args.mesh), platform=args.platform, sealed=args.sealed
        )
        transforms = pulumi.ResourceOptions(transforms=[definitions] if definitions else None)
        with_definitions = pulumi.ResourceOptions.merge(on_cluster, transforms)
        self.istio = Istio("istio", told, with_definitions)
        self._certificates = certificates = (
            CertManager("cert-manager", args.cert_manager, with_definitions) if args.cert_manager else None
        )
        self.namespaces = self._namespaces()
        # Without a word: no load balancer and no port of the nodes, each of which is a way in past the gateways.
        granted = dict.fromkeys(args.mesh.graph.granted_namespaces, NamespaceSpec(quota=QuotaSpec()))
        tenancy({**granted, **args.namespaces}, self.namespaces, on_cluster)
        if args.mesh.spec.grants:
            Grants("grants", args.mesh, self.namespaces, on_cluster)
        self.gateways = {
            name: self._gateway(name) for name, spec in args.mesh.gateways.items() if spec.existing is None
        }
        parents = {f"gateways.{name}": gateway for name, gateway in self.gateways.items()}
        self._multi_cluster = args.istio.multi_cluster
        self.east_west = self._east_west()
        if self.east_west is not None:
            parents[EAST_WEST.declared_at] = self.east_west
        charts = {name: everything_of([gateway.chart]) for name, gateway in parents.items()}
        exceptions = [args.sealed(one.inputs()) for one in dated_exceptions(args.mesh, args.accept)]
        self.objects = IstioObjects(
            IstioObjectsArgs(
                objects=args.mesh.objects,
                routes_need=args.mesh.routes_need,
                namespaces=self.namespaces,
                after=milestone("mesh-is-served", together(self.istio.ready, *charts.values()), on_cluster.parent),
                parents=parents,
                inputs={"security": {"exceptions": exceptions}} if exceptions else {},
                served_by=charts,
                certificates_after=certificates and certificates.ready,
                certificates_taken=certificates and args.certificates_taken,
                acknowledged=args.acknowledged,
                foretold=args.foretold,
                sealed=args.sealed,
            ),
            on_cluster,
        )
        self._limits()
        self.reader = self._reader()
        self._read_peer()

    def _namespaces(self) -> Mapping[str, pulumi.Resource]:
        injection = self._args.istio.injects
        # After the control plane: a pod that starts before it would run without a sidecar.
        after = pulumi.ResourceOptions(depends_on=self.istio.ready)
        after_istio = pulumi.ResourceOptions.merge(self._on_cluster, after)
        return {
            declared.name: namespace(
                declared.name, injection=injection if declared.injected else None, opts=after_istio
            )
            for declared in self._args.mesh.namespaces
            if declared.name not in self._existing_namespaces
        }

    @property
    def _existing_namespaces(self) -> frozenset[str]:
        return frozenset(name for name, spec in self._args.namespaces.items() if spec.existing)

    def _gateway(self, name: str) -> Gateway:
        args = self._args
        spec = args.mesh.gateways[name]
        own = (made for home, made in self.namespaces.items() if home == spec.home)
        return Gateway(
            name,
            GatewayArgs(
                spec=spec,
                values=checked.gateway_values_of(args.istio, args.cluster, args.mesh, name, args.platform),
                source=args.istio.source(args.istio.version),
                after=together(self.istio.ready, *own),
                sealed=args.sealed,
            ),
            self._on_cluster,
        )

    def _east_west(self) -> Gateway | None:
        """The gateway by which requests of the other cluster arrive."""
        args = self._args
        if not args.mesh.graph.failing_over:
            return None
        spec = checked.east_west_of(args.istio)
        return Gateway(
            spec.name,
            GatewayArgs(
                spec=spec,
                values=checked.east_west_values_of(args.istio, args.mesh, args.platform),
                source=args.istio.source(args.istio.version),
                after=together(self.istio.ready, self.namespaces[spec.home]),
                sealed=args.sealed,
            ),
            self._on_cluster,
        )

    def _reader(self) -> RemoteReader | None:
        """By whom the other cluster's istiod reads this one."""
        spec = self._multi_cluster
        server = self._args.api_server or (spec and spec.api_server)
        if spec is None or spec.peer is None or server is None:
            return None
        made_here = self._args.api_server is not None
        return RemoteReader(
            spec.cluster, server, own_authority=not made_here, after=self.istio.ready, opts=self._on_cluster
        )

    def _read_peer(self) -> None:
        """By what istiod here reads the other cluster, once that one is there."""
        spec = self._multi_cluster
        if spec is not None and spec.peer is not None and spec.peer.cluster is not None:
            after = pulumi.ResourceOptions(depends_on=self.istio.ready)
            remote_secret(spec.peer.cluster, pulumi.ResourceOptions.merge(self._on_cluster, after))

    def _limits(self) -> None:
        """The rate limit service, where this stack runs it."""
        service = self._args.mesh.spec.rate_limit_service
        deployment = service and service.deployment
        if service is None or deployment is None:
            return
        before = [self.namespaces[service.namespace]] if service.namespace in self.namespaces else []
        name = f"{service.service}-redis"
        if self._args.memorystore is not None:
            access = self._args.memorystore.access(name)
            own = pulumi.ResourceOptions.merge(self._on_cluster, pulumi.ResourceOptions(depends_on=list(before)))
            before.append(self._args.memorystore.secret(name, service.namespace, own))
        else:
            assert deployment.redis is not None, "refused by problems()"  # noqa: S101
            access = declared_redis(deployment.redis)
        RateLimit(
            "rate-limit-service",
            RateLimitArgs(
                service=service,
                deployment=deployment,
                redis=access,
                after=before,
                limits=self.objects.registered[f"ConfigMap/{service.namespace}/{service.service}-limits"],
            ),
            self._on_cluster,
        )

    def observed(self) -> None:
        """What shows people the mesh, last of all."""
        args, spec = self._args, self._args.observability
        if spec == ObservabilitySpec():
            return
        asking = args.cert_manager
        scraped = Scraped(
            proxies=[declared.name for declared in args.mesh.namespaces if declared.injected],
            control_plane=args.istio.install,
            cert_manager=asking.namespace if asking is not None and asking.install else None,
        )
        homes: dict[str, Resources | list[pulumi.Resource]] = {name: [made] for name, made in self.namespaces.items()}
        homes[ROOT_NAMESPACE] = self.istio.ready
        if self._certificates is not None and scraped.cert_manager is not None:
            homes[scraped.cert_manager] = self._certificates.ready
        seen = ObservabilityArgs(
            spec=spec,
            mesh=args.mesh,
            accepted=args.accept,
            after=self.istio.ready,
            scraped=scraped,
            sealed=args.sealed,
            homes=homes,
        )
        Observability("observability", seen, self._on_cluster)

    def outputs(self) -> outputs.Outputs:
        """The contract's values, as far as they do not wait for the cluster."""
        args, injection = self._args, self._args.istio.injects
        needs = () if args.istio.install else needs_of(args.mesh, injection, args.platform, self._existing_namespaces)
        known = outputs.outputs(args.istio, args.mesh, injection, made=self.namespaces, needs=needs)
        own = None if self._multi_cluster is None else outputs.multi_cluster(self._multi_cluster, args.mesh)
        if own is not None and self.east_west is not None and self.reader is not None:
            # Known to the engine later, and then text as the contract says.
            own["gateway"] = cast("str | None", self.east_west.address)
            known["multi_cluster"] = own
            known["multi_cluster_reader"] = cast("str", self.reader.kubeconfig)
        return known
