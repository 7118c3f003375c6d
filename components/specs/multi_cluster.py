"""A mesh of several clusters: the names of this one, the authority that signs its identities, and the other one."""

from __future__ import annotations

from chatgpt_mesh.components.specs.certificate_authority import CertificateAuthoritySpec
from chatgpt_mesh.components.specs.peer import PeerSpec
from chatgpt_mesh.mesh.specs.gateway_workload import WorkloadSpec
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec

PATH = "istio.multi_cluster"


class MultiClusterSpec(Spec):
    """Names by which a cluster is known once its mesh spans several, who signs for it, and which the other one is. The
    names are hard to change later, so they are chosen before the second cluster comes.

    https://istio.io/latest/docs/setup/install/multicluster/before-you-begin/
    """

    mesh: DnsLabel
    """Name of the mesh, the same in all of its clusters."""
    cluster: DnsLabel
    """Name of this cluster, which no other cluster of the mesh has."""
    network: DnsLabel
    """Network of its pods: those of one network reach each other without a gateway."""
    ca: CertificateAuthoritySpec | None = None
    """The authority by which istiod signs identities, below a root that all clusters have. Default: istiod makes a root
    of its own, which no other cluster believes."""
    peer: PeerSpec | None = None
    """The other cluster, in which apps with `cluster_failover` are answered while they have no healthy pod here."""
    gateway: WorkloadSpec = WorkloadSpec()
    """Pods and Service of the gateway by which requests of the other cluster arrive."""
    api_server: HttpsUrl | None = None
    """Where the other cluster's istiod reaches the API server of this one, which the stack does not know by itself with
    cluster.kind existing. Its certificate is of the cluster's own authority."""
