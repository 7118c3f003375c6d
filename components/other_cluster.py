"""What two clusters of a mesh need of each other: the right to read this one, and the other's, in istiod's hands.

istiod reads Services and pods of the other cluster to know where an app's requests may go. The account for it has no
more than that takes: it changes nothing, and reads none of Istio's own objects, which `istio-reader-service-account`
of Istio's charts may. Secrets it has to read all the same: istiod watches those of every cluster that it knows, for
gateways of clusters without an istiod of their own, and told not to (`PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER`) it
calls on what it then has not made, and falls (`CredentialsController.HasSynced` of its source, Istio 1.31).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.specs.peer import PeerCluster

READER = "istio-remote-reader"
"""Service account, roles and token of whoever reads this cluster from the other one."""

_READ = ["get", "list", "watch"]


def _rule(group: str, *resources: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": _READ}


CLUSTER_RULES = (
    _rule("", "namespaces", "nodes", "pods", "services", "secrets"),
    _rule("discovery.k8s.io", "endpointslices"),
    _rule("networking.istio.io", "workloadentries"),
    _rule("gateway.networking.k8s.io", "gateways"),
    _rule("apiextensions.k8s.io", "customresourcedefinitions"),
)
"""What istiod watches in another cluster: `pilot/pkg/serviceregistry/kube/controller` and `pilot/pkg/credentials/kube`
of its source."""

ROOT_RULES = (_rule("", "configmaps"),)
"""In Istio's namespace alone: the mesh's configuration, for its trust domain."""


def reader_manifests() -> list[dict[str, Any]]:
    """The account and its rights, without its token."""
    subject = {"kind": "ServiceAccount", "name": READER, "namespace": ROOT_NAMESPACE}
    group = "rbac.authorization.k8s.io"

    def manifest(api: str, kind: str, namespace: str | None, **body: Any) -> dict[str, Any]:
        place = {"namespace": namespace} if namespace else {}
        return {"apiVersion": api, "kind": kind, "metadata": {"name": READER, **place}, **body}

    return [
        manifest("v1", "ServiceAccount", ROOT_NAMESPACE),
        manifest(f"{group}/v1", "ClusterRole", None, rules=list(CLUSTER_RULES)),
        manifest(f"{group}/v1", "Role", ROOT_NAMESPACE, rules=list(ROOT_RULES)),
        manifest(
            f"{group}/v1",
            "ClusterRoleBinding",
            None,
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": READER},
            subjects=[subject],
        ),
        manifest(
            f"{group}/v1",
            "RoleBinding",
            ROOT_NAMESPACE,
            roleRef={"apiGroup": group, "kind": "Role", "name": READER},
            subjects=[subject],
        ),
    ]


class RemoteReader(pulumi.ComponentResource):
    """The account by which the other cluster's istiod reads this one."""

    def __init__(
        self,
        cluster: str,
        server: pulumi.Input[str],
        *,
        own_authority: bool,
        after: Resources,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """`server` is the URL of the API server; `own_authority` whether its certificate is of the cluster's own."""
        super().__init__("chatgpt-mesh:istio:RemoteReader", READER, None, opts)
        below = pulumi.ResourceOptions(parent=self, depends_on=after)
        made = [
            KubernetesObject(f"{one['kind']}/{READER}", one, below)  # each kind once
            for one in reader_manifests()
        ]
        # Here and not above: its classes take half a second to load. This one waits until the token is there.
        from pulumi_kubernetes.core.v1 import Secret

        # A token that does not end by itself: nobody would renew one in the other cluster. It goes with this Secret.
        token = Secret(
            f"Secret/{READER}",
            metadata={
                "name": READER,
                "namespace": ROOT_NAMESPACE,
                "annotations": {"kubernetes.io/service-account.name": READER},
            },
            type="kubernetes.io/service-account-token",
            opts=pulumi.ResourceOptions(parent=self, depends_on=made, additional_secret_outputs=["data"]),
        )
        self.kubeconfig: pulumi.Output[str] = pulumi.Output.secret(
            pulumi.Output.all(token.data, server).apply(
                lambda known: remote_kubeconfig(cluster, str(known[1]), known[0] or {}, own_authority=own_authority)
            )
        )
        self.register_outputs({})


def remote_kubeconfig(cluster: str, server: str, data: Mapping[str, str], *, own_authority: bool) -> str:
    """As `istioctl create-remote-secret` writes it, of the data of a service account's token; JSON is YAML."""
    authority = {"certificate-authority-data": data.get("ca.crt", "")} if own_authority else {}
    token = base64.b64decode(data.get("token", "")).decode()
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": {"server": server, **authority}}],
            "users": [{"name": cluster, "user": {"token": token}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "current-context": cluster,
        }
    )


def remote_secret(peer: PeerCluster, opts: pulumi.ResourceOptions) -> KubernetesObject | None:
    """By which istiod reads the other cluster; None as long as its stack has given no way in."""
    if peer.kubeconfig is None:
        return None
    name = f"istio-remote-secret-{peer.cluster}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": ROOT_NAMESPACE,
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": peer.cluster},
        },
        "stringData": {peer.cluster: pulumi.Output.secret(peer.kubeconfig)},
    }
    return KubernetesObject(f"Secret/{ROOT_NAMESPACE}/{name}", manifest, opts)
