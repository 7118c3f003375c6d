"""Istio on the cluster: custom resource definitions, CNI plugin and control planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.components import chart_values
from chatgpt_mesh.components.certificate_authority import cacerts
from chatgpt_mesh.components.chart import chart
from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.ordering import everything_of, together
from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.components.specs.istio import istiod_name
from chatgpt_mesh.mesh.objects.load_balancing import NETWORK
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_kubernetes.helm.v4 import Chart

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.istio_api.mesh_config import MeshConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioArgs:
    spec: IstioSpec
    mesh_config: MeshConfig
    sealed: Sealing = nothing_secret
    platform: str | None = None
    """`gke`, where the charts must know."""


class Istio(pulumi.ComponentResource):
    """What has to be there before any gateway, sidecar or Istio object, and gone only after all of them.

    Where somebody else installs Istio it is empty: nothing of the installation is registered, so that no `up` changes
    it and no `destroy` takes it away.
    """

    def __init__(self, name: str, args: IstioArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:istio:Istio", name, None, opts)
        spec = args.spec
        self.control_planes: Mapping[str | None, Chart] = {}
        self.ready = everything_of([])
        """For `depends_on`: control planes are up, tags lead to them, and both outlive what depends on them."""
        if spec.install:
            self._install(args)
        self.register_outputs({"namespace": ROOT_NAMESPACE, "revisions": [r for r in self.control_planes if r]})

    def _install(self, args: IstioArgs) -> None:
        spec = args.spec
        # The network of workloads that carry no label of their own.
        network = {NETWORK: spec.multi_cluster.network} if spec.multi_cluster else {}
        system = namespace(ROOT_NAMESPACE, injection=None, labels=network, opts=pulumi.ResourceOptions(parent=self))
        quota = self._critical_pods(system)
        before: list[pulumi.Resource] = [system, quota]
        if spec.multi_cluster is not None and spec.multi_cluster.ca is not None:
            before.append(cacerts(spec.multi_cluster.ca, pulumi.ResourceOptions(parent=self, depends_on=[system])))
        base = chart(
            "istio-base",
            spec.source(spec.version),
            release="istio-base",
            namespace=ROOT_NAMESPACE,
            values=chart_values.base_values(spec),
            sealed=args.sealed,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        charts = [base]
        if spec.cni:
            charts.append(
                chart(
                    "istio-cni",
                    spec.source(spec.version),
                    release="istio-cni",
                    namespace=ROOT_NAMESPACE,
                    values=chart_values.cni_values(spec, args.platform),
                    sealed=args.sealed,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[*before, base]),
                )
            )
        self.control_planes = {
            revision: chart(
                istiod_name(revision),
                spec.source(version),
                release=istiod_name(revision),
                namespace=ROOT_NAMESPACE,
                values=chart_values.istiod_values(spec, args.mesh_config, revision=revision, platform=args.platform),
                sealed=args.sealed,
                # istiod reads its CRDs at its start, and injects pods that the CNI plugin must already serve.
                opts=pulumi.ResourceOptions(parent=self, depends_on=everything_of(charts)),
            )
            for revision, version in spec.control_planes.items()
        }
        planes = everything_of(list(self.control_planes.values()))
        self.ready = together(planes, *self._tags(spec, planes))

    def _tags(self, spec: IstioSpec, planes: Resources) -> list[pulumi.Resource]:
        if not spec.tags:
            return []
        # Here and not above: its classes take a while to load, and most stacks have no tags.
        from chatgpt_mesh.components.revision_tags import revision_tag

        opts = pulumi.ResourceOptions(parent=self, depends_on=planes)
        return [revision_tag(tag, revision, opts=opts) for tag, revision in spec.tags.items()]

    def _critical_pods(self, system: pulumi.Resource) -> KubernetesObject:
        """Lets pods of the two critical priority classes run outside kube-system, which GKE forbids without a quota.

        https://istio.io/latest/docs/ambient/install/platform-prerequisites/#google-kubernetes-engine-gke
        """
        critical = {
            "operator": "In",
            "scopeName": "PriorityClass",
            "values": ["system-cluster-critical", "system-node-critical"],
        }
        manifest = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "istio-critical-pods", "namespace": ROOT_NAMESPACE},
            "spec": {"hard": {"pods": "1000"}, "scopeSelector": {"matchExpressions": [critical]}},
        }
        opts = pulumi.ResourceOptions(parent=self, depends_on=[system])
        return KubernetesObject("istio-critical-pods", manifest, opts)
