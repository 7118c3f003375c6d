"""cert-manager on the cluster, as its own chart installs it.

Its custom resource definitions stay when a stack goes, as Istio's do (see definitions.py): with them would go every
Certificate of the cluster, whoever wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.helm import v4 as helm

from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.ordering import everything_of
from chatgpt_mesh.components.restricted_pods import requested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec

RELEASE = "cert-manager"
"""The chart's release. Of this name its objects are called as its documentation has them."""

GOOGLE_ACCOUNT = "iam.gke.io/gcp-service-account"


def values(spec: CertManagerSpec) -> dict[str, Any]:
    """Values of the chart `cert-manager`: https://artifacthub.io/packages/helm/cert-manager/cert-manager"""
    policy = {"networkPolicy": {"enabled": True}} if spec.network_policies else {}
    found: dict[str, Any] = {
        "crds": {"enabled": True, "keep": True},
        # Its leases are in its own namespace, and so it needs no right in kube-system.
        "global": {"leaderElection": {"namespace": spec.namespace}},
        # A Job that only waits, under Helm's hooks: Pulumi waits for the Deployments themselves.
        "startupapicheck": {"enabled": False},
        "prometheus": {"enabled": True},
        "serviceAccount": {"name": spec.service_account, **_google_account(spec)},
        **_part("controller", spec),
        **policy,
        "webhook": {**_part("webhook", spec), **policy},
        "cainjector": {**_part("cainjector", spec), **policy},
    }
    return _with_images(found, spec)


def _part(component: str, spec: CertManagerSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"replicaCount": spec.replicas, "resources": requested(spec.resources)}
    if spec.replicas > 1:
        # A node upgrade waits for the next pod, and not for one that is not well.
        found["podDisruptionBudget"] = {
            "enabled": True,
            "minAvailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
        labels = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/component": component}
        found["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]
    return found


def _google_account(spec: CertManagerSpec) -> Mapping[str, Any]:
    if spec.google_service_account is None:
        return {}
    return {"annotations": {GOOGLE_ACCOUNT: spec.google_service_account}}


def _with_images(found: dict[str, Any], spec: CertManagerSpec) -> dict[str, Any]:
    if spec.images.hub is not None:
        registry, _, path = spec.images.hub.partition("/")
        found |= {"imageRegistry": registry, "imageNamespace": path}
    said = {"tag": spec.images.tag, "pullPolicy": spec.images.pull_policy}
    image = {name: value for name, value in said.items() if value is not None}
    if image:
        for part in (found, found["webhook"], found["cainjector"], found.setdefault("acmesolver", {})):
            part["image"] = image
    return found


class CertManager(pulumi.ComponentResource):
    """cert-manager with its custom resource definitions; empty where somebody else installs it."""

    def __init__(self, name: str, spec: CertManagerSpec, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:certificates:CertManager", name, None, opts)
        self.ready: Resources = everything_of([])
        """For `depends_on`: issuers and Certificates can be written, and go before what serves them."""
        if spec.install:
            # Without sidecars: it speaks to the API server, to CAs and to DNS, and to nobody in the mesh.
            home = namespace(spec.namespace, injection=None, opts=pulumi.ResourceOptions(parent=self))
            self.ready = everything_of([_chart(spec, pulumi.ResourceOptions(parent=self, depends_on=[home]))])
        self.register_outputs({})


def _chart(spec: CertManagerSpec, opts: pulumi.ResourceOptions) -> helm.Chart:
    repository = helm.RepositoryOptsArgs(repo=spec.repository)
    return helm.Chart(
        RELEASE,
        chart=spec.chart or "cert-manager",
        name=RELEASE,
        namespace=spec.namespace,
        version=spec.version if spec.chart is None else None,
        repository_opts=repository if spec.chart is None else None,
        values=values(spec),
        opts=opts,
    )
