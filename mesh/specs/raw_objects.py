"""The way out of this layer: Istio objects as they are, in the stack file.

They are typed (a misspelt field is a mistake, where the API server drops it in silence), they have an owner, and the
checks run over them like over all others. What they may not do is work against a declaration: a second VirtualService
for an app's host, an ALLOW beside an app's own, plaintext without a date.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.istio_api.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    PeerAuthentication,
    PeerAuthentication_MutualTLS,
    PeerAuthentication_MutualTLS_Mode,
    RequestAuthentication,
)
from chatgpt_mesh.istio_api.telemetry import Telemetry
from chatgpt_mesh.mesh.specs import raw_hosts
from chatgpt_mesh.mesh.specs.authorizers import unknown
from chatgpt_mesh.mesh.specs.kubernetes_names import LabelKey, LabelValue, ObjectName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.scalar import refuse, shortened
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.authorizers import AuthorizerSpec
    from chatgpt_mesh.mesh.specs.declared import Declared
    from chatgpt_mesh.mesh.specs.egress import EgressSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


_NAME = TypeAdapter[str](ObjectName)
_NAMESPACE = TypeAdapter[str](DnsLabel)
_LABEL_KEY = TypeAdapter[str](LabelKey)
_LABEL_VALUE = TypeAdapter[str](LabelValue)


class RawObjectSpec(Spec):
    """One manifest of an Istio kind."""

    model_config = ConfigDict(populate_by_name=True)

    api_version: str = Field(alias="apiVersion")
    """Any version that the API server serves, such as networking.istio.io/v1."""
    kind: str
    """Kind, such as EnvoyFilter."""
    metadata: dict[str, Any]
    """name and namespace; labels and annotations."""
    spec: dict[str, Any] = {}
    """What Istio's reference says for the kind."""

    @model_validator(mode="before")
    @classmethod
    def _istios_own(cls, written: object) -> object:
        """Before the fields: those of another kind would each be told that they are no setting."""
        if isinstance(written, dict) and (refusal := _foreign(cast("Mapping[object, object]", written))):
            raise refuse(refusal)
        return cast("object", written)

    @property
    def manifest(self) -> dict[str, Any]:
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": self.metadata, "spec": self.spec}


def _foreign(manifest: Mapping[object, object]) -> str:
    """What to say of an object whose kind is not Istio's; empty for Istio's own, and for what names no kind."""
    kind, version = manifest.get("kind"), manifest.get("apiVersion", manifest.get("api_version"))
    if not isinstance(kind, str) or not isinstance(version, str):
        return ""
    group, slash, _ = version.partition("/")
    if slash and group.endswith(".istio.io"):
        return ""
    meant = f" (its {kind} is of {KINDS[kind].group}/{KINDS[kind].served[0]})" if kind in KINDS else ""
    return (
        f"is a {shortened(kind)} of {shortened(version)}, and objects takes Istio's kinds alone{meant}; leave it with "
        "whoever owns the app, in its chart or in a Pulumi program beside this one (docs/adopt.md)"
    )


def problems(
    objects: Sequence[RawObjectSpec],
    apps: Mapping[str, AppSpec],
    gateways: Mapping[str, GatewaySpec],
    egress: EgressSpec,
    authorizers: Declared[AuthorizerSpec],
) -> Iterator[Problem]:
    """What is not Istio's, and what works against a declaration."""
    owners = _Owners(apps, gateways, egress)
    homes = {app.namespace for app in apps.values()}
    keys: dict[str, int] = {}
    for index, spec in enumerate(objects):
        path = f"objects.{index}"
        try:
            resource = Resource.from_dict(spec.manifest)
        except InvalidMessage as error:
            for sentence in error.problems:
                where, _, what = sentence.partition(": ")
                yield Problem(f"{path}.{_dotted(where)}", what)
            continue
        first = keys.setdefault(resource.key, index)
        if first != index:
            yield Problem(path, f"objects.{first} is {resource.key} too; keep one of them")
        yield from _name_problems(f"{path}.metadata", resource.metadata)
        yield from raw_hosts.problems(path, resource.spec)
        yield from _unseen_problems(path, resource, homes, authorizers)
        yield from owners.problems(path, resource)


def _name_problems(path: str, metadata: ObjectMeta) -> Iterator[Problem]:
    """What the API server would refuse."""
    given = [
        ("name", _NAME, metadata.name),
        ("namespace", _NAMESPACE, metadata.namespace),
        *((f"labels.{key}", _LABEL_KEY, key) for key in metadata.labels),
        *((f"labels.{key}", _LABEL_VALUE, value) for key, value in metadata.labels.items()),
        *((f"annotations.{key}", _LABEL_KEY, key) for key in metadata.annotations),
    ]
    for field, kind, text in given:
        try:
            kind.validate_python(text)
        except ValidationError as error:
            yield Problem(f"{path}.{shortened(field)}", error.errors()[0]["msg"], text)


def _unseen_problems(
    path: str, resource: Resource, homes: Collection[str], authorizers: Declared[AuthorizerSpec]
) -> Iterator[Problem]:
    """What is accepted by the cluster and would do nothing, or refuse everything."""
    spec = resource.spec
    if isinstance(spec, AuthorizationPolicy) and spec.action is AuthorizationPolicy_Action.CUSTOM:
        name = spec.provider.name if spec.provider is not None else None
        if not authorizers.knows(name or ""):
            yield Problem(f"{path}.spec.provider.name", unknown(authorizers), name)
        elif resource.metadata.namespace in homes:
            yield Problem(
                f"{path}.spec.provider.name",
                "is known to no sidecar here, which would deny everything; let the app ask it, by its "
                "external_authorization",
                name,
            )
    if isinstance(spec, ServiceEntry) and resource.metadata.namespace in homes:
        yield Problem(
            f"{path}.spec.hosts",
            "would be seen by no app here: the sidecar of an app knows the destinations that are declared for it; "
            "declare the host, or the address of one without a name, under egress.allow with the app in from",
            ", ".join(spec.hosts),
        )


def _dotted(path: str) -> str:
    """`http[0].route` of an Istio message as `http.0.route`, the form of stack files."""
    return re.sub(r"\[(.+?)\]", r".\1", path)


class _Owners:
    """Who owns the hosts and workloads of a declaration."""

    def __init__(self, apps: Mapping[str, AppSpec], gateways: Mapping[str, GatewaySpec], egress: EgressSpec) -> None:
        self.hosts: dict[str, str] = {}
        self.workloads: list[tuple[str, Mapping[str, str], str]] = []
        self.gateways: list[tuple[str, Mapping[str, str], str]] = []
        for app in apps.values():
            owner = app.declared_at
            for exposure in app.exposures:
                self.hosts.setdefault(exposure.host, owner)
            service = app.service_name
            for host in (
                service,
                f"{service}.{app.namespace}",
                f"{service}.{app.namespace}.svc",
                app.service_host,
            ):
                self.hosts.setdefault(_key(host, app.namespace), owner)
            self.workloads.append((app.namespace, app.pod_labels, owner))
        for gateway in gateways.values():
            self.hosts[gateway.service_host] = gateway.declared_at
            self.gateways.append((gateway.home, gateway.pod_labels, gateway.declared_at))
        for index, destination in enumerate(egress.allow):
            self.hosts.setdefault(destination.name, f"egress.allow.{index}")

    def problems(self, path: str, resource: Resource) -> Iterator[Problem]:
        spec, namespace = resource.spec, resource.metadata.namespace
        match spec:
            case VirtualService():
                yield from self._hosts(path, "spec.hosts", spec.hosts, namespace)
            case DestinationRule():
                yield from self._hosts(path, "spec.host", (spec.host,), namespace)
            case ServiceEntry():
                yield from self._hosts(path, "spec.hosts", spec.hosts, namespace)
            case Gateway():
                for home, labels, owner in self.gateways:
                    if spec.selector and _selects(spec.selector, labels):
                        yield Problem(
                            f"{path}.spec.selector",
                            f"opens listeners on the pods of {owner} (namespace {home}); declare them there",
                        )
            case AuthorizationPolicy():
                if spec.action in (None, AuthorizationPolicy_Action.ALLOW):
                    yield from self._workloads(
                        path,
                        resource,
                        "ALLOW policies add up, so this one lets in what {owner} does not; add callers there",
                    )
            case PeerAuthentication():
                yield from self._peer_authentication(path, spec, namespace)
            case RequestAuthentication():
                yield from self._workloads(
                    path,
                    resource,
                    "rules of several RequestAuthentications add up; declare the issuer under auth of {owner}",
                )
            case Sidecar():
                yield from self._workloads(
                    path,
                    resource,
                    "Istio takes one Sidecar per workload, and {owner} has one; see security.visible_services",
                )
            case Telemetry():
                if namespace == ROOT_NAMESPACE and spec.selector is None and not spec.target_refs:
                    yield Problem(path, "Istio takes one Telemetry for the whole mesh; declare it under telemetry")
            case _:
                pass

    def _hosts(self, path: str, field: str, hosts: Iterable[str], namespace: str) -> Iterator[Problem]:
        for host in hosts:
            owner = self.hosts.get(_key(host, namespace))
            if owner is not None:
                yield Problem(
                    f"{path}.{field}", f"{owner} owns this host, and Istio takes one owner per host; say it there", host
                )

    def _peer_authentication(self, path: str, spec: PeerAuthentication, namespace: str) -> Iterator[Problem]:
        modes = [("mtls", spec.mtls), *((f"portLevelMtls.{port}", mtls) for port, mtls in spec.port_level_mtls.items())]
        for field, mtls in modes:
            if _opens(mtls):
                yield Problem(
                    f"{path}.spec.{field}.mode",
                    "takes plaintext without a date; declare the port under security.exceptions with until and why",
                    str(mtls.mode) if mtls is not None else None,
                )
        if namespace == ROOT_NAMESPACE and spec.selector is None:
            yield Problem(path, "is the mutual TLS of the whole mesh, which security.mtls declares; remove it")

    def _workloads(self, path: str, resource: Resource, sentence: str) -> Iterator[Problem]:
        selector = _selector(resource)
        namespace = resource.metadata.namespace
        for home, labels, owner in (*self.workloads, *self.gateways):
            if namespace not in (home, ROOT_NAMESPACE):
                continue
            if selector is None or _selects(selector, labels):
                field = f"{path}.spec" if selector is None else f"{path}.spec.selector"
                yield Problem(field, sentence.format(owner=owner))


def _selector(resource: Resource) -> Mapping[str, str] | None:
    match resource.spec:
        case AuthorizationPolicy(selector=selector) | RequestAuthentication(selector=selector):
            return None if selector is None else selector.match_labels
        case Sidecar(workload_selector=selector):
            return None if selector is None else selector.labels
        case _:
            return None


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether pods with these labels may be selected: no label that both name differs."""
    return all(labels.get(key, value) == value for key, value in selector.items())


def _opens(mtls: PeerAuthentication_MutualTLS | None) -> bool:
    open_modes = (PeerAuthentication_MutualTLS_Mode.PERMISSIVE, PeerAuthentication_MutualTLS_Mode.DISABLE)
    return mtls is not None and mtls.mode in open_modes


def _key(host: str, namespace: str) -> str:
    """One form for the names of a service as Istio reads them in a namespace; other hosts as they are."""
    labels = host.split(".")
    if host.endswith(".svc.cluster.local") or len(labels) > 3:
        return host
    if len(labels) == 1:
        return f"{host}.{namespace}.svc.cluster.local"
    return host
