"""One stack's configuration as one typed object: `Pulumi.<stack>.yaml` over the files it extends.

`load()` is for the program: the stack's own layer comes from Pulumi's engine, so that `pulumi config set --path`,
`--config-file` and secrets work. `load_stack()` is for tools that run without Pulumi. Both raise `InvalidConfig` with
every mistake at once.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from chatgpt_mesh.components.specs import (
    accepted_risk,
    cert_manager,
    joined_clusters,
    namespace,
    observability,
    observability_installed,
    platform,
    shared_cluster,
    traces_installed,
)
from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
from chatgpt_mesh.components.specs.cluster import ClusterSpec
from chatgpt_mesh.components.specs.google_cloud import GoogleCloud
from chatgpt_mesh.components.specs.istio import IstioSpec, control_plane_problems
from chatgpt_mesh.components.specs.network import NetworkSpec
from chatgpt_mesh.components.specs.observability import ObservabilitySpec
from chatgpt_mesh.components.specs.path_setting import expand
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.google_names import ProjectId, ProjectNumber
from chatgpt_mesh.mesh.specs.grants import GrantSpec
from chatgpt_mesh.mesh.specs.key_set import key_set_refusal
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from chatgpt_mesh.mesh.specs.mesh import problems as mesh_problems
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Many
from chatgpt_mesh.stack import granted_by as teams
from chatgpt_mesh.stack import nothing, peer, plain_values, project, setting_problems, stack_files
from chatgpt_mesh.stack.secret_texts import SecretTexts, secret_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


class Settings(MeshSpec):
    """Everything that a stack file may say. Each field is one `chatgpt-mesh:NAME` of the file."""

    project: ProjectId | None = None
    """Id of the Google Cloud project of a GKE stack."""
    project_number: ProjectNumber | None = None
    """Its number, in quotes: Google names the identities of apps and of GKE itself by it."""
    network: NetworkSpec | None = None
    """The VPC of a GKE stack."""
    cluster: ClusterSpec = Field(description="The Kubernetes cluster: one that is made (gke) or adopted (existing).")
    istio: IstioSpec = Field(description="Istio's version, charts and control plane.")
    cert_manager: CertManagerSpec | None = None
    """cert-manager, which fills the Secrets of listeners with `tls.cert_manager`: installed by this stack, or there
    already."""
    namespaces: dict[DnsLabel, namespace.NamespaceSpec] = {}
    """What the namespaces of apps may use, and who works in them, by name."""
    observability: ObservabilitySpec = ObservabilitySpec()
    """Kiali, Grafana's dashboards, and alerts."""
    accept: Many[AcceptedRiskSpec] = ()
    """Findings of the checker that are known and accepted for a while."""

    @property
    def platform(self) -> Literal["gke"] | None:
        """Where the cluster runs, when Istio's charts must know."""
        return "gke" if self.cluster.kind == "gke" else self.istio.platform

    @property
    def existing_namespaces(self) -> frozenset[str]:
        """Namespaces of apps that somebody else makes."""
        return frozenset(name for name, spec in self.namespaces.items() if spec.existing)

    @property
    def google_cloud(self) -> GoogleCloud | None:
        """Where a GKE stack makes its cluster; None for a cluster that is there."""
        if self.project is None or self.network is None:
            return None
        return GoogleCloud(project=self.project, project_number=self.project_number, network=self.network)

    def warnings(self, today: date) -> list[Problem]:
        """What is right today and will not be soon, outside the mesh's declaration."""
        read = {name: getattr(self, name) for name in type(self).model_fields}
        return [*platform.warnings(read, today), *joined_clusters.warnings(read, today)]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stack's settings, and which of their texts Pulumi keeps encrypted."""

    settings: Settings
    secrets: SecretTexts


def load(today: date | None = None) -> Loaded:
    """The settings of the stack that Pulumi's engine runs.

    Raises:
        InvalidConfig: with every mistake; nothing has been registered then.
    """
    own, secret, name, stack = _from_pulumi()
    root = project.directory()
    secrets = secret_texts(own, secret, root / f"Pulumi.{stack}.yaml")
    layers = stack_files.layered(own, root)
    validated = _validated(layers, today or dates.today(), secrets, _BY_ENGINE, f"{name}/{stack}")
    return Loaded(validated, secrets)


def load_stack(path: Path, today: date | None = None) -> Settings:
    """The settings that a stack file stands for, read without Pulumi; encrypted values read `[secret]`.

    Its project is the one that it lies in, else the one of the working directory (`--config-file` may be anywhere).

    Raises:
        InvalidConfig: with every mistake.
    """
    own = stack_files.read_stack_file(path)
    said = {name: _decoded(name, value) if isinstance(value, str) else value for name, value in own.values.items()}
    layers = stack_files.layered(said, project.directory(path.parent, Path.cwd()))
    layers.problems[:0] = own.problems
    layers.unreadable[:0] = own.unreadable
    return _validated(layers, today or dates.today(), SecretTexts())


def read(
    values: Mapping[str, Any], today: date, secrets: SecretTexts | None = None, found: Iterable[Problem] = ()
) -> Settings:
    """Settings that are values of a program and no stack file: by name without the package's prefix, as JSON has them.

    `secrets` are texts of them that no sentence may show, `found` mistakes that whoever made the values has seen.

    Raises:
        InvalidConfig: with every mistake.
    """
    layers = stack_files.Layers(values=dict(values), problems=list(found))
    return _validated(layers, today, secrets or SecretTexts())


def value(spec: type[BaseModel], field: str, said: Any, path: str) -> tuple[Any, list[Problem]]:
    """What stands at one setting of a spec, by the spec's own rule, and the mistakes in it."""
    about = spec.model_fields[field]
    return _validate(Annotated[about.annotation, about], said, path)


class _Readers(NamedTuple):
    """How outputs of other stacks are read."""

    platform: teams.Reader
    peer: peer.Reader


_BY_ENGINE = _Readers(teams.from_engine, peer.from_engine)
_BY_FILE = _Readers(teams.from_file, peer.from_file)


def _from_pulumi() -> tuple[dict[str, Any], frozenset[str], str, str]:
    import pulumi
    from pulumi.runtime import config

    # pulumi.Config reads one key at a time; an unknown key is only found where all of them are listed.
    raw = {**config.get_config_env(), **config.CONFIG.get()}
    prefix = f"{stack_files.PACKAGE}:"
    named = {key.removeprefix(prefix): value for key, value in raw.items() if key.startswith(prefix)}
    own = {name: _decoded(name, value) for name, value in named.items()}
    secret = frozenset(key.removeprefix(prefix) for key in raw if config.is_config_secret(key))
    return own, secret & own.keys(), pulumi.get_project(), pulumi.get_stack()


def _decoded(name: str, value: str) -> Any:
    """Pulumi hands over mappings and lists as JSON, a null as nothing, and every other scalar as its text."""
    about = Settings.model_fields.get(name)
    if value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value  # a text that begins so, given by `pulumi config set`
    if value == "":
        return None
    if about is None or _is_text(about.annotation):
        return value
    try:
        return stack_files.scalar(value)
    except yaml.YAMLError:
        return value


def _is_text(annotation: Any) -> bool:
    return annotation is str or any(_is_text(branch) for branch in get_args(annotation))


def _validated(
    layers: stack_files.Layers,
    today: date,
    secrets: SecretTexts,
    readers: _Readers = _BY_FILE,
    stack: str | None = None,
) -> Settings:
    if layers.unreadable:
        raise InvalidConfig(secrets.redacted(problem) for problem in layers.unreadable)
    found = list(layers.problems)
    values = layers.values
    read: dict[str, Any] = {}
    unread: set[str] = set()
    for name in sorted(values):
        if wrong := list(plain_values.problems(values[name], name)):
            found += wrong
            unread.add(name)
            del values[name]
    values = nothing.taken_away(values, Settings)
    values, beyond, grant = teams.expanded(values, readers.platform)
    found += beyond
    if beyond and not values:
        raise InvalidConfig(secrets.redacted(problem) for problem in found)
    found += _inline_key_sets(values)
    for name in values.keys() - Settings.model_fields.keys():
        allowed = (stack_files.EXTENDS, *Settings.model_fields)
        found.append(Problem(name, setting_problems.unknown_key(name, allowed)))
    for name, about in Settings.model_fields.items():
        if name not in values:
            if about.is_required() and name not in unread:
                found.append(Problem(name, f"is required: {about.description}"))
            continue
        parsed, problems, missing = _parse(name, values[name])
        found += problems
        unread |= missing
        if name not in missing:
            read[name] = parsed
    if grant is not None and "granted_by" in read:
        held, problems = _validate(GrantSpec, grant, "granted_by.team")
        found += problems
        read["granted_by"] = read["granted_by"] if held is None else read["granted_by"].holding(held)
    if read.get("istio") is not None:
        read["istio"], problems = peer.connected(read["istio"], readers.peer, stack)
        found += problems
    found += map(_bracketed, mesh_problems(_mesh(read), today, unread))
    found += map(_bracketed, platform.problems(read, unread, today))
    found += namespace.problems(read, unread)
    found += map(_bracketed, accepted_risk.problems(read, today))
    if read.get("istio") is not None:
        found += control_plane_problems("istio.control_plane", read["istio"].control_plane)
    found += shared_cluster.problems(read, unread)
    found += joined_clusters.problems(read, unread, today, is_secret=secrets.within, in_engine=stack is not None)
    found += cert_manager.problems(read, unread)
    found += observability.problems(read)
    found += observability_installed.problems(read)
    found += traces_installed.problems(read)
    found += _ambient(read)
    if found:
        raise InvalidConfig(secrets.redacted(problem) for problem in found)
    return Settings(**read)


def _bracketed(problem: Problem) -> Problem:
    """With `callers[0]` for `callers.0`, as pydantic's mistakes and `pulumi config set --path` have it."""
    return Problem(re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", problem.path), problem.message, problem.value)


def _ambient(read: Mapping[str, Any]) -> list[Problem]:
    istio, cluster = read.get("istio"), read.get("cluster")
    if istio is None or istio.data_plane != "ambient" or (cluster is not None and cluster.kind == "gke"):
        return []
    return [
        Problem(
            "istio.data_plane",
            "ambient is not offered: what this program declares (routes by version, claims and tools, limits, egress "
            "by caller) is done by sidecars; use sidecar",
            istio.data_plane,
        )
    ]


def _mesh(read: Mapping[str, Any]) -> MeshSpec:
    """The declaration of the mesh, as far as its parts parsed."""
    return MeshSpec(**{name: part for name, part in read.items() if name in MeshSpec.model_fields})


def _parse(name: str, value: Any) -> tuple[Any, list[Problem], set[str]]:
    """One setting, its mistakes, and the paths of what could not be read.

    A mapping of named things is read entry by entry, so that a mistake in one does not hide the others from the
    cross-checks.
    """
    about = Settings.model_fields[name]
    if not (_is_mapping(about.annotation) and isinstance(value, Mapping)):
        parsed, problems = _validate(Annotated[about.annotation, about], value, name)
        return parsed, problems, {name} if problems else set()
    _, kind = get_args(about.annotation)
    entries: dict[str, Any] = {}
    problems: list[Problem] = []
    unread: set[str] = set()
    for key, item in cast("Mapping[str, Any]", value).items():
        path = f"{name}.{key}"
        _, misnamed = _validate(DnsLabel, key, path)
        entry, wrong = _validate(kind, item, path)
        problems += [*misnamed, *wrong]
        if misnamed or wrong:
            unread.add(path)
        else:
            entries[key] = entry
    return entries, problems, unread


def _validate(kind: Any, value: Any, path: str) -> tuple[Any, list[Problem]]:
    try:
        # As JSON, because a strict model takes a list for a tuple, and text for an enum or a date, only from there.
        return _adapter(kind).validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        return None, setting_problems.problems(error, kind, path)


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Built once for each kind of setting, and not for each of a thousand apps."""
    return TypeAdapter[Any](kind)


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _inline_key_sets(values: Any, path: str = "") -> list[Problem]:
    """Replaces each `jwks_file: PATH` by `jwks: {...}`: the mesh is declared without reading files."""
    if isinstance(values, list):
        items = cast("list[Any]", values)
        return [p for index, item in enumerate(items) for p in _inline_key_sets(item, f"{path}[{index}]")]
    if not isinstance(values, dict):
        return []
    mapping = cast("dict[str, Any]", values)
    found: list[Problem] = []
    for key, value in list(mapping.items()):
        here = f"{path}.{key}" if path else key
        if key != "jwks_file":
            found += _inline_key_sets(value, here)
            continue
        if "jwks" in mapping or "jwks_uri" in mapping:
            found.append(Problem(here, "stands beside jwks or jwks_uri; an issuer has exactly one of the three"))
        if isinstance(value, str):
            keys, problem = _read_key_set(value)
        else:
            keys, problem = "", "must be the path of a file, as text"
        if problem is None:
            mapping["jwks"] = keys
        else:
            found.append(Problem(here, problem, value))
        del mapping["jwks_file"]
    return found


def _read_key_set(path: str) -> tuple[str, str | None]:
    """The text of a JSON Web Key Set, or what keeps it from being read."""
    try:
        expanded = expand(path)
    except ValueError as error:
        return "", str(error)
    try:
        text = Path(expanded).read_text(encoding="utf-8").strip()
    except OSError as error:
        return "", f"cannot be read: {error.strerror}; name a JSON Web Key Set file"
    except ValueError as error:
        return "", f"holds no JSON Web Key Set: {error}"
    return text, "holds no JSON Web Key Set" if key_set_refusal(text) else None
