"""Who nodes and apps are in Google Cloud, and the least that they may do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.components.specs.cluster_gke import IdentitySpec
    from chatgpt_mesh.mesh.graph import Identity

NODE_ROLES = (
    "roles/container.defaultNodeServiceAccount",
    "roles/monitoring.metricWriter",
    "roles/stackdriver.resourceMetadata.writer",
)
"""What a node needs to log, to be measured and to autoscale, instead of the default account's editor role.

https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentityArgs:
    project: str
    prefix: str
    """Beginning of the account's name: the cluster's name."""
    spec: IdentitySpec


class NodeIdentity(pulumi.ComponentResource):
    """The service account of the nodes. Pods do not get it: they see GKE's metadata server."""

    def __init__(self, name: str, args: NodeIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:NodeIdentity", name, None, opts)
        self.account = gcp.serviceaccount.Account(
            f"{args.prefix}-nodes",
            # 6 to 30 characters; a cluster's name has up to 40.
            account_id=f"{args.prefix[:24]}-nodes",
            display_name=f"Nodes of the cluster {args.prefix}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.grants: list[pulumi.Resource] = [
            gcp.projects.IAMMember(
                f"{args.prefix}-nodes-{role.removeprefix('roles/')}",
                project=args.project,
                role=role,
                member=self.account.member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role in NODE_ROLES
        ]
        self.grants += [
            gcp.artifactregistry.RepositoryIamMember(
                f"{args.prefix}-nodes-{repository}",
                project=args.project,
                repository=repository,
                location=location,
                role="roles/artifactregistry.reader",
                member=self.account.member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for repository, location in args.spec.repositories.items()
        ]
        self.email = self.account.email
        self.register_outputs({"email": self.email})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIdentitiesArgs:
    project: str
    project_number: str
    spec: IdentitySpec
    apps: Mapping[str, Identity]
    """Namespace and Kubernetes service account of each app."""


class AppIdentities(pulumi.ComponentResource):
    """Roles of the apps, granted to their Kubernetes service accounts themselves: no account between, and no key.

    https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
    """

    def __init__(self, name: str, args: AppIdentitiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:AppIdentities", name, None, opts)
        prefix = principal_prefix(args.project, args.project_number)
        for app, roles in args.spec.apps.items():
            identity = args.apps[app]
            for role in roles:
                gcp.projects.IAMMember(
                    f"{app}-{role.rpartition('roles/')[2]}",
                    project=args.project,
                    role=role,
                    member=f"{prefix}/ns/{identity.namespace}/sa/{identity.service_account}",
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({})


def workload_pool(project: str) -> str:
    """The identity pool of a project's clusters."""
    return f"{project}.svc.id.goog"


def principal_prefix(project: str, project_number: str) -> str:
    """The beginning of an IAM principal of a Kubernetes service account; `/ns/NAMESPACE/sa/NAME` follows."""
    pool = f"projects/{project_number}/locations/global/workloadIdentityPools/{workload_pool(project)}"
    return f"principal://iam.googleapis.com/{pool}/subject"
