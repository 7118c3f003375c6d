"""Istio's installation: version, charts, images and control plane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from chatgpt_mesh.components.specs.injection import Injection
from chatgpt_mesh.components.specs.multi_cluster import MultiClusterSpec
from chatgpt_mesh.components.specs.path_setting import PathSetting
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.gateway_workload import ReplicasSpec, ResourcesSpec, resource_problems
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, EnvironmentName, Memory, ObjectName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, HttpsUrl, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.istio_api.message import ChartValues

RELEASES = "https://istio-release.storage.googleapis.com/charts"

if TYPE_CHECKING:
    Version = str
    RevisionName = str
    Hub = str
    ImageTag = str
else:
    Version = text_like(
        r"1\.[0-9]{1,3}\.[0-9]{1,3}", f"must be a version of Istio such as {RELEASE}", longest=9, examples=[RELEASE]
    )
    RevisionName = text_like(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be lower-case letters, digits and '-', at most 50 (Istio names a Service istiod-REVISION)",
        longest=50,
        examples=["1-31-4"],
    )
    Hub = text_like(
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
        "must be a registry with a path of lower-case names, such as europe-docker.pkg.dev/acme/istio",
        longest=200,
        examples=["docker.io/istio"],
    )
    ImageTag = text_like(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
        "must be a tag of an image: letters, digits, '_', '.' and '-', at most 128",
        longest=128,
        examples=[f"{RELEASE}-distroless"],
    )


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where charts come from: a directory, or a repository and a version."""

    repository: str
    version: str
    directory: str | None = None

    def path(self, values: ChartValues) -> str:
        """The local directory of a chart, in the layout of Istio's source or in that of the repository's archives."""
        if self.directory is None:
            raise ValueError(f"{values.CHART} comes from {self.repository}, not from a directory")
        in_source = Path(self.directory) / values.DIRECTORY
        return str(in_source if in_source.is_dir() else Path(self.directory) / values.CHART)


class ControlPlaneResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of istiod; by default Istio's own figure for a small mesh.

    https://istio.io/latest/docs/ops/deployment/performance-and-scalability/
    """

    cpu: Cpu = "500m"
    """Requested CPU."""
    memory: Memory = "2Gi"
    """Requested memory."""
    memory_limit: Memory | None = None
    """Limit of memory. Default: none; an istiod that is killed while it grows takes the mesh's changes with it."""


class ControlPlaneSpec(Spec):
    """istiod, the control plane."""

    replicas: ReplicasSpec = ReplicasSpec(min=2, max=5)
    """How many; two and more get a disruption budget. With one there is none: a node upgrade would never end
    (istio/istio#42439)."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=95)] = 70
    """Processor use, in percent of the request, at which the autoscaler adds a pod."""
    resources: ControlPlaneResourcesSpec = ControlPlaneResourcesSpec()
    """Requests and limits."""
    priority_class: ObjectName | None = "system-cluster-critical"
    """Without istiod no pod of the mesh starts, so applications make room for it and not the other way round."""
    jwks_refresh: Annotated[Duration, within("10s", "24h")] | None = None
    """How often istiod asks each `jwks_uri` again: a new signing key is accepted this much later, at most, and one that
    was taken back is refused. Default: istiod's own 20 minutes. After a fetch that failed istiod waits one minute, then
    twice as long each time up to an hour, so an issuer must publish a key before it signs with it."""
    environment: dict[EnvironmentName, str] = {}
    """Environment variables of istiod. https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.replicas.max < self.replicas.min:
            raise ValueError(f"replicas.max must be at least replicas.min, which is {self.replicas.min}")
        return self


JWKS_REFRESH = "PILOT_JWT_PUB_KEY_REFRESH_INTERVAL"
"""The variable of istiod that `jwks_refresh` sets."""


def control_plane_problems(path: str, plane: ControlPlaneSpec) -> Iterator[Problem]:
    yield from resource_problems(f"{path}.resources", plane.resources)
    if plane.jwks_refresh is not None and JWKS_REFRESH in plane.environment:
        yield Problem(
            f"{path}.environment.{JWKS_REFRESH}",
            "is what jwks_refresh sets; remove it, or jwks_refresh",
            plane.environment[JWKS_REFRESH],
        )


class ImagesSpec(Spec):
    """Where container images are pulled from."""

    hub: Hub | None = None
    """Registry and path of Istio's images; by default the charts' own."""
    tag: ImageTag | None = None
    """Tag of Istio's images; by default the charts' own, which is their version."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


UNNAMED = "default"
"""What Istio calls a control plane without a name."""


def _named(revision: str | None) -> str | None:
    return None if revision == UNNAMED else revision


def istiod_name(revision: str | None) -> str:
    """The release, Deployment and Service of a control plane."""
    return "istiod" if _named(revision) is None else f"istiod-{revision}"


class IstioSpec(Spec):
    """Istio on the cluster: base, CNI plugin and control plane."""

    install: bool = True
    """Whether this stack installs and upgrades Istio. false: somebody else does, and `python -m mesh needs STACK` lists
    what has to be set there for this stack."""
    version: Version
    """Version of Istio's charts and images, MAJOR.MINOR.PATCH; with `install: false` the one that runs there. One of a
    minor that is not known here is refused (docs/istio-version.md)."""
    repository: HttpsUrl = RELEASES
    """Helm repository of the charts."""
    charts: PathSetting | None = None
    """A directory with the charts, in place of the repository; `$NAME` and `~` are put in."""
    images: ImagesSpec = ImagesSpec()
    control_plane: ControlPlaneSpec = ControlPlaneSpec()
    data_plane: Literal["sidecar", "ambient"] = "sidecar"
    """`sidecar`. Ambient mode is told why not."""
    cni: bool = True
    """Sets pods' traffic redirection up on the node. Without it each pod needs NET_ADMIN and NET_RAW at its start.
    https://istio.io/latest/docs/setup/additional-setup/cni/"""
    platform: Literal["gke"] | None = None
    """Where the cluster runs, when Istio's charts must know; `cluster.kind: gke` says so by itself."""
    revisions: dict[RevisionName, Version] = {}
    """Control planes that run side by side, by name; the value is the version of their chart. `default` is the control
    plane without a name, which runs alone where this is empty. https://istio.io/latest/docs/setup/upgrade/canary/"""
    tags: dict[RevisionName, RevisionName] = {}
    """Names for revisions, tag to revision, which namespaces can follow while the revision behind them changes."""
    injection: DnsLabel | None = None
    """The tag or revision that injects the namespaces and gateways of this stack; needed with `revisions`. With
    `install: false` one of those that are there."""
    validation: DnsLabel | None = None
    """The revision that validates Istio's objects; by default the one behind `injection`."""
    multi_cluster: MultiClusterSpec | None = None
    """A mesh of several clusters. Without it the cluster is a mesh of its own, named Kubernetes."""
    network_policies: bool = True
    """Kubernetes NetworkPolicies that let only the mesh's ports of istiod, CNI and gateways be reached."""

    @model_validator(mode="after")
    def _revisions_exist(self) -> Self:
        names = ", ".join(self.revisions) or "none is declared"
        wrong = [
            f"tags.{tag} points to {target}, which is no revision ({names})"
            for tag, target in self.tags.items()
            if target not in self.revisions
        ]
        wrong += [
            f"tags.{tag} has the name of a revision; a tag needs a name of its own"
            for tag in self.tags
            if tag in self.revisions
        ]
        if self.install and self.injection is not None and self.injection not in {*self.revisions, *self.tags}:
            wrong.append(f"injection names {self.injection}, which is neither a revision ({names}) nor a tag")
        if self.revisions and self.injection is None:
            wrong.append(f"injection is needed beside revisions: name a tag or one of {names}")
        if self.validation is not None and self.validation not in self.revisions:
            wrong.append(f"validation names {self.validation}, which is no revision ({names})")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def control_planes(self) -> dict[str | None, str]:
        """Each control plane's revision (None where it has no name) and the version of its chart."""
        named = {_named(revision): version for revision, version in self.revisions.items()}
        return named or {None: self.version}

    @property
    def installed_revisions(self) -> tuple[str, ...] | None:
        """Revisions of the control planes that this stack installs, by Istio's names; None where it installs none."""
        return tuple(revision or UNNAMED for revision in self.control_planes) if self.install else None

    @property
    def default_revision(self) -> str:
        """The revision that validates, as the base chart names it."""
        return self.validation or self.injecting_revision or UNNAMED

    @property
    def injecting_revision(self) -> str | None:
        """The revision behind `injection`; None where that is the control plane without a name."""
        return _named(self.tags.get(self.injection or "", self.injection))

    @property
    def injection_label(self) -> str | None:
        """The tag or revision in the label of what is injected; None where that is the control plane without a name."""
        return _named(self.injection)

    @property
    def injects(self) -> Injection:
        """How what this stack declares is injected."""
        return Injection(revision=self.injection_label)

    def source(self, version: str) -> ChartSource:
        return ChartSource(self.repository, version, self.charts)
