"""What cert-manager may do in Cloud DNS: write the records of its challenges, and nothing beside.

https://cert-manager.io/docs/configuration/acme/dns01/google/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.components.identity import principal_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
    from chatgpt_mesh.mesh.specs.certificate_issuers import CloudDnsSpec

ROLE = "roles/dns.admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsIdentityArgs:
    project: str
    """The cluster's project, whose pool its service accounts are in."""
    project_number: str
    cert_manager: CertManagerSpec
    zones: Sequence[CloudDnsSpec]


class DnsIdentity(pulumi.ComponentResource):
    """The role on each zone, or on the project of zones that are not named."""

    def __init__(self, name: str, args: DnsIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:DnsIdentity", name, None, opts)
        spec, here = args.cert_manager, pulumi.ResourceOptions(parent=self)
        prefix = principal_prefix(args.project, args.project_number)
        member = f"{prefix}/ns/{spec.namespace}/sa/{spec.service_account}"
        account = spec.google_service_account
        if account is not None:
            gcp.serviceaccount.IAMMember(
                "cert-manager-account",
                service_account_id=f"projects/-/serviceAccounts/{account}",
                role="roles/iam.workloadIdentityUser",
                member=member,
                opts=here,
            )
            member = f"serviceAccount:{account}"
        for project, zone in sorted({(zone.project, zone.zone or "") for zone in args.zones}):
            if zone:
                gcp.dns.DnsManagedZoneIamMember(
                    f"cert-manager-{project}-{zone}",
                    project=project,
                    managed_zone=zone,
                    role=ROLE,
                    member=member,
                    opts=here,
                )
            else:
                gcp.projects.IAMMember(f"cert-manager-{project}", project=project, role=ROLE, member=member, opts=here)
        self.register_outputs({})
