"""A mesh of several clusters: the names of this one, and the authority that signs its identities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import certificate_authority
from chatgpt_mesh.components.specs.certificate_authority import CertificateAuthoritySpec
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.mesh.specs.problem import Problem

PATH = "istio.multi_cluster"


class MultiClusterSpec(Spec):
    """Names by which a cluster is known once its mesh spans several, and who signs for it. They are hard to change
    later, so they are chosen before the second cluster comes.

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


def problems(read: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name."""
    spec = _spec(read)
    if spec is not None and spec.ca is not None:
        yield from certificate_authority.problems(f"{PATH}.ca", spec.ca, today)


def warnings(read: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """What is right today and will not be soon."""
    spec = _spec(read)
    if spec is not None and spec.ca is not None:
        yield from certificate_authority.warnings(f"{PATH}.ca", spec.ca, today)


def _spec(read: Mapping[str, Any]) -> MultiClusterSpec | None:
    istio: IstioSpec | None = read.get("istio")
    return None if istio is None else istio.multi_cluster
