"""A GKE cluster with all that it needs, in the order in which it is made and, backwards, taken down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.components import kubernetes_versions
from chatgpt_mesh.components.cluster import Cluster, ClusterArgs
from chatgpt_mesh.components.dns_identity import DnsIdentity, DnsIdentityArgs
from chatgpt_mesh.components.firewall import Firewall, FirewallArgs
from chatgpt_mesh.components.identity import AppIdentities, AppIdentitiesArgs, NodeIdentity, NodeIdentityArgs
from chatgpt_mesh.components.kubeconfig import known_or_recorded, kubeconfig
from chatgpt_mesh.components.memorystore import Memorystore, MemorystoreArgs
from chatgpt_mesh.components.network import Network, NetworkArgs
from chatgpt_mesh.components.node_pools import NodePools, NodePoolsArgs
from chatgpt_mesh.components.provider import providers
from chatgpt_mesh.components.verification import ClusterAccess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
    from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.network import NetworkSpec
    from chatgpt_mesh.mesh.graph import Identity
    from chatgpt_mesh.mesh.specs.certificate_issuers import CloudDnsSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.rate_limit_deployment import MemorystoreSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeArgs:
    project: str
    project_number: str | None
    network: NetworkSpec
    cluster: GkeClusterSpec
    istio: IstioSpec
    gateways: Mapping[str, GatewaySpec]
    addresses: Mapping[str, str]
    """Names of the addresses to reserve, by gateway."""
    apps: Mapping[str, Identity]
    """Namespace and Kubernetes service account of each app."""
    cert_manager: CertManagerSpec | None = None
    challenge_zones: Sequence[CloudDnsSpec] = ()
    """Where cert-manager writes records."""
    memorystore: MemorystoreSpec | None = None
    """The Redis of the rate limit service."""
    peer_vpc: str | None = None
    """The VPC of the other cluster of the mesh."""


class Gke(pulumi.ComponentResource):
    """APIs, network, firewall, identities, cluster and pools; and the providers that reach them."""

    def __init__(self, name: str, args: GkeArgs) -> None:
        self.google = gcp.Provider(
            "google",
            project=args.project,
            region=args.network.region,
            default_labels={**args.cluster.labels, "managed-by": "pulumi", "stack": pulumi.get_stack()},
        )
        super().__init__("chatgpt-mesh:gke:Gke", name, None, pulumi.ResourceOptions(providers=[self.google]))
        self.args = args
        spec = args.cluster
        self.node_tag = f"gke-{spec.name}"
        apis = self._apis()
        after_apis = pulumi.ResourceOptions(parent=self, depends_on=list(apis.values()))
        if kubernetes_versions.credentials_present():
            kubernetes_versions.check(
                spec,
                args.istio,
                project=args.project,
                region=args.network.region,
                api=apis["container"],
                opts=pulumi.InvokeOptions(provider=self.google),
            )
        internal = {gateway for gateway, found in args.gateways.items() if found.kind != "public"}
        self.network = Network(
            "network",
            NetworkArgs(
                spec=args.network,
                prefix=spec.name,
                public_addresses={key: value for key, value in args.addresses.items() if key not in internal},
                internal_addresses={key: value for key, value in args.addresses.items() if key in internal},
                hosts={gateway: _hosts(found) for gateway, found in args.gateways.items()},
                protect=spec.deletion_protection,
                peer_vpc=args.peer_vpc,
            ),
            after_apis,
        )
        self.firewall = Firewall(
            "firewall",
            FirewallArgs(spec=args.network, prefix=spec.name, network=self.network.network.id, node_tag=self.node_tag),
            after_apis,
        )
        self.nodes = NodeIdentity(
            "node-identity",
            NodeIdentityArgs(project=args.project, prefix=spec.name, spec=spec.identity),
            after_apis,
        )
        self.cluster = Cluster(
            "gke",
            ClusterArgs(
                spec=spec,
                project=args.project,
                network=self.network,
                ranges=args.network,
                node_service_account=self.nodes.email,
                node_tag=self.node_tag,
                secrets_key_grant=self._secrets_key_grant(),
            ),
            after_apis,
        )
        self.pools = NodePools(
            "node-pools",
            NodePoolsArgs(
                pools=spec.pools,
                cluster=self.cluster.cluster.id,
                region=args.network.region,
                zones=args.network.zones,
                service_account=self.nodes.email,
                node_tag=self.node_tag,
                labels=spec.labels,
            ),
            after_apis,
        )
        if spec.identity.apps and args.project_number is not None:
            AppIdentities(
                "app-identities",
                AppIdentitiesArgs(
                    project=args.project, project_number=args.project_number, spec=spec.identity, apps=args.apps
                ),
                # The pool of identities is there when the project's first cluster is.
                pulumi.ResourceOptions(parent=self, depends_on=[self.cluster.cluster]),
            )
        self.memorystore = self._memorystore(after_apis)
        if args.challenge_zones and args.cert_manager is not None and args.project_number is not None:
            DnsIdentity(
                "cert-manager-identity",
                DnsIdentityArgs(
                    project=args.project,
                    project_number=args.project_number,
                    cert_manager=args.cert_manager,
                    zones=args.challenge_zones,
                ),
                pulumi.ResourceOptions(parent=self, depends_on=[self.cluster.cluster]),
            )
        self.kubeconfig = self._kubeconfig()
        self.kubernetes, self.definitions = providers(
            self.kubeconfig,
            self.identifier,
            opts=pulumi.ResourceOptions(
                # Charts need nodes, a way to the registries, and a way from the API server to the webhooks; and what
                # they make must be gone before any of these goes, load balancers of Services first of all.
                depends_on=[
                    *self.pools.pools.values(),
                    self.network.nat,
                    self.firewall.webhooks,
                    *self.nodes.grants,
                    *self.network.public_addresses.values(),
                    *self.network.internal_addresses.values(),
                ]
            ),
        )
        self.register_outputs({})

    def _memorystore(self, opts: pulumi.ResourceOptions) -> Memorystore | None:
        args = self.args
        if args.memorystore is None:
            return None
        return Memorystore(
            "memorystore",
            MemorystoreArgs(
                spec=args.memorystore,
                name=f"{args.cluster.name}-limits",
                region=args.network.region,
                network=self.network.network.id,
                labels=dict(args.cluster.labels),
            ),
            opts,
        )

    @property
    def identifier(self) -> str:
        """The cluster's resource name in Google Cloud, which is known before the cluster is there."""
        args = self.args
        return f"projects/{args.project}/locations/{args.network.region}/clusters/{args.cluster.name}"

    @property
    def access(self) -> pulumi.Output[ClusterAccess]:
        """How the program itself asks the cluster."""
        return self.kubeconfig.apply(lambda text: ClusterAccess(configuration=json.loads(text)))

    @property
    def _endpoint_output(self) -> str:
        """The output that holds what the kubeconfig connects to."""
        ip = self.args.cluster.access.ip
        if ip is None:
            return "dns_endpoint"
        return "private_endpoint" if ip.private else "public_endpoint"

    @property
    def _endpoint(self) -> pulumi.Output[str]:
        """What the kubeconfig connects to, without scheme."""
        return {
            "dns_endpoint": self.cluster.dns_endpoint,
            "private_endpoint": self.cluster.private_endpoint,
            "public_endpoint": self.cluster.cluster.endpoint,
        }[self._endpoint_output]

    def _kubeconfig(self) -> pulumi.Output[str]:
        access = self.args.cluster.access
        token = None
        if access.login == "token":
            options = pulumi.InvokeOptions(provider=self.google)
            token = gcp.organizations.get_client_config_output(opts=options).access_token
        ca = None if access.ip is None else known_or_recorded(self.cluster.ca_certificate, "ca_certificate")

        def document(found: Sequence[str | None]) -> str:
            server, authority, credential = found
            if not server:
                raise pulumi.RunError(f"GKE gave no endpoint of {self.identifier} to connect to")
            return json.dumps(
                kubeconfig(name=self.args.cluster.name, server=server, ca_certificate=authority, token=credential)
            )

        server = known_or_recorded(self._endpoint, self._endpoint_output)
        return pulumi.Output.secret(pulumi.Output.all(server, ca, token).apply(document))

    def _apis(self) -> dict[str, gcp.projects.Service]:
        spec = self.args.cluster
        needed = {
            "artifactregistry": bool(spec.identity.repositories),
            "binaryauthorization": spec.security.binary_authorization,
            "cloudkms": spec.security.secrets_key is not None,
            "cloudtrace": spec.observability.managed_opentelemetry,
            "compute": True,
            "container": True,
            "dns": self.args.network.dns is not None or bool(self.args.challenge_zones),
            "gkebackup": spec.backup is not None,
            "gkehub": spec.security.fleet_project is not None,
            "iam": True,
            "redis": self.args.memorystore is not None,
            "pubsub": spec.maintenance.notify,
            "secretmanager": spec.security.secret_manager,
            "telemetry": spec.observability.managed_opentelemetry,
        }
        return {
            api: gcp.projects.Service(
                f"api-{api}",
                project=self.args.project,
                service=f"{api}.googleapis.com",
                # Others in the project may use the API too, and disabling it ends what they run.
                disable_on_destroy=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for api, is_needed in needed.items()
            if is_needed
        }

    def _secrets_key_grant(self) -> list[pulumi.Resource]:
        key, number = self.args.cluster.security.secrets_key, self.args.project_number
        if key is None or number is None:
            return []
        return [
            gcp.kms.CryptoKeyIAMMember(
                "secrets-key",
                crypto_key_id=key,
                role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
                member=f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com",
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]


def _hosts(gateway: GatewaySpec) -> list[str]:
    """Hosts that a gateway answers to, without the catch-all."""
    return sorted({host for listener in gateway.listeners.values() for host in listener.hosts if host != "*"})
