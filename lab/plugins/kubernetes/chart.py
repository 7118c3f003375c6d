"""`helm template` and what comes out of it, as Chart v4 of Pulumi's own plugin renders."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.json_types import JsonArray, JsonObject, is_array, is_object, object_at
from lab.plugins.kubernetes.discovery import Discovery, kinds_of_definitions
from lab.plugins.kubernetes.objects import annotations_of
from lab.plugins.plugin import PluginError
from lab.plugins.wire import Asset, Value, transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.plugins.kubernetes.connection import Connection

HELM_TIMEOUT_SECONDS = 300
DEPENDS_ON = "config.kubernetes.io/depends-on"


class ManifestLoader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: no dates and no base-60 numbers (PyYAML would turn `10:20` into 620)."""


ManifestLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9]*|0o?[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$")
for _first in "-+0123456789.":
    ManifestLoader.yaml_implicit_resolvers.setdefault(_first, []).extend(
        [("tag:yaml.org,2002:int", _INT), ("tag:yaml.org,2002:float", _FLOAT)]
    )


def _construct_int(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("0o", "0")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith("0x"):
        return sign * int(digits, 16)
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


def _construct_float(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)))


ManifestLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
ManifestLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)


@dataclass(frozen=True)
class ChartRequest:
    """The inputs of one `kubernetes:helm.sh/v4:Chart`; values carry no secrets marks any more."""

    release: str
    namespace: str
    chart: str
    version: str = ""
    devel: bool = False
    # repo, username, password, caFile, certFile, keyFile
    repository: Mapping[str, str | Asset] = field(default_factory=dict[str, str | Asset])
    dependency_update: bool = False
    verify: bool = False
    keyring: Asset | None = None
    values: Mapping[str, Value] = field(default_factory=JsonObject)
    value_files: Sequence[Asset] = ()
    skip_crds: bool = False
    plain_http: bool = False
    post_renderer: Mapping[str, Any] = field(default_factory=JsonObject)  # command, args

    @staticmethod
    def of(name: str, inputs: Mapping[str, Value], default_namespace: str) -> ChartRequest:
        return ChartRequest(
            release=inputs.get("name") or name,
            namespace=inputs.get("namespace") or default_namespace,
            chart=inputs["chart"],
            version=inputs.get("version") or "",
            devel=bool(inputs.get("devel")),
            repository=object_at(inputs, "repositoryOpts"),
            dependency_update=bool(inputs.get("dependencyUpdate")),
            verify=bool(inputs.get("verify")),
            keyring=inputs.get("keyring"),
            values=object_at(inputs, "values"),
            value_files=inputs.get("valueYamlFiles") or [],
            skip_crds=bool(inputs.get("skipCrds")),
            plain_http=bool(inputs.get("plainHttp")),
            post_renderer=object_at(inputs, "postRenderer"),
        )


def render(request: ChartRequest, connection: Connection, discovery: Discovery) -> list[JsonObject]:
    """Render the chart for this cluster: its version and kinds are what the templates' capability checks see.

    `lookup` in templates reads the cluster. Hooks are left out, as the real Chart does. Raises PluginError with Helm's
    message.
    """
    helm = shutil.which("helm")
    if helm is None:
        raise PluginError(
            "The executable `helm` is not on PATH: the stand-in for Pulumi's Kubernetes plugin renders charts with it. "
            "`python -m lab env` puts the lab's own on PATH."
        )
    with tempfile.TemporaryDirectory(prefix="chart-") as directory:
        folder = Path(directory)  # created with mode 0700: values and kubeconfig may hold secrets
        kubeconfig = folder / "kubeconfig.json"
        kubeconfig.write_text(yaml.safe_dump(connection.choice.load()))
        command = [helm, *_arguments(request, folder, discovery)]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        try:
            result = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=HELM_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise PluginError(f"helm did not render {request.chart} within {HELM_TIMEOUT_SECONDS} s.") from error
    if result.returncode != 0:
        message = result.stderr.strip().removeprefix("Error: ")
        raise PluginError(f"The chart {request.chart} cannot be rendered: {message}")
    return parse_manifests(result.stdout, request.chart)


def _arguments(request: ChartRequest, folder: Path, discovery: Discovery) -> list[str]:
    values = folder / "values.yaml"
    values.write_text(yaml.safe_dump(transform(dict(request.values), _asset_content)))
    arguments = ["template", request.release, request.chart, "--namespace", request.namespace]
    arguments += ["--dry-run=server", "--no-hooks"]
    arguments += ["--skip-crds"] if request.skip_crds else ["--include-crds"]
    arguments += ["--kube-version", str(discovery.server_version()["gitVersion"])]
    arguments += ["--api-versions", ",".join(discovery.api_versions())]
    for index, asset in enumerate(request.value_files):
        file = folder / f"values-{index}.yaml"
        file.write_text(read_asset(asset))
        arguments += ["--values", str(file)]
    arguments += ["--values", str(values)]  # last, so that `values` win over the files
    flags = {
        "repo": "--repo",
        "username": "--username",
        "password": "--password",
        "caFile": "--ca-file",
        "certFile": "--cert-file",
        "keyFile": "--key-file",
    }
    for key, flag in flags.items():
        value = request.repository.get(key)
        if isinstance(value, Asset):
            file = folder / key
            file.write_text(read_asset(value))
            value = str(file)
        if value:
            arguments += [flag, value]
    if request.version:
        arguments += ["--version", request.version]
    if request.keyring is not None:
        file = folder / "keyring"
        file.write_text(read_asset(request.keyring))
        arguments += ["--keyring", str(file)]
    if request.post_renderer:
        arguments += ["--post-renderer", request.post_renderer["command"]]
        more: Sequence[str] = request.post_renderer.get("args") or ()
        for argument in more:
            arguments += ["--post-renderer-args", argument]
    switches = {
        "--devel": request.devel,
        "--verify": request.verify,
        "--dependency-update": request.dependency_update,
        "--plain-http": request.plain_http,
    }
    return arguments + [flag for flag, on in switches.items() if on]


def _asset_content(part: Value) -> Value:
    return read_asset(part) if isinstance(part, Asset) else part


def read_asset(asset: Asset) -> str:
    """The text of an asset. Raises PluginError for a file that cannot be read and for a remote one."""
    if asset.text is not None:
        return asset.text
    if asset.path:
        with contextlib.suppress(OSError):
            return Path(asset.path).read_text()
        raise PluginError(f"The file {asset.path}, given as an asset to a chart, cannot be read.")
    raise PluginError(f"The remote asset {asset.uri} is not fetched by the lab's stand-in; give the file or its text.")


def parse_manifests(text: str, source: str) -> list[JsonObject]:
    """The Kubernetes objects of a YAML stream, lists taken apart. Raises PluginError for what is no object."""
    try:
        documents: JsonArray = [document for document in yaml.load_all(text, Loader=ManifestLoader) if document]
    except yaml.YAMLError as error:
        raise PluginError(f"{source} renders to invalid YAML: {error}") from error
    manifests: list[JsonObject] = []
    while documents:
        document = documents.pop(0)
        if not is_object(document) or not document.get("kind") or not document.get("apiVersion"):
            raise PluginError(f"{source} renders a document without kind and apiVersion: {str(document)[:100]}")
        items = document.get("items")
        if document["kind"].endswith("List") and is_array(items):
            documents = [*items, *documents]
            continue
        if not object_at(document, "metadata").get("name"):
            raise PluginError(f"{source} renders a {document['kind']} without metadata.name")
        document["apiVersion"] = document["apiVersion"].removeprefix("core/")
        manifests.append(document)
    return manifests


def set_namespaces(manifests: Sequence[JsonObject], default: str, namespaced: Any, source: str) -> None:
    """Give each namespaced object that has no namespace the release's one.

    `namespaced(api_version, kind)` answers for kinds that no CRD among `manifests` defines; None means that it is not
    known, and raises PluginError.
    """
    own = kinds_of_definitions(manifests)
    for manifest in manifests:
        if manifest["metadata"].get("namespace"):
            continue
        key = (manifest["apiVersion"], manifest["kind"])
        scope = own[key] if key in own else namespaced(*key)
        if scope is None:
            raise PluginError(
                f"{source} renders {manifest['kind']} {manifest['metadata']['name']} of {manifest['apiVersion']}, "
                "a kind that the cluster does not serve: whether it is namespaced is not known. Create its CRD first, "
                "and let the chart depend on it."
            )
        if scope:
            manifest["metadata"]["namespace"] = default


def dependencies(manifests: Sequence[JsonObject]) -> list[list[int]]:
    """For each object the indices of those that must exist before it.

    They are its CRD, its Namespace, and what it names in the annotation `config.kubernetes.io/depends-on`.
    """
    definitions: dict[tuple[str, str], int] = {}
    namespaces: dict[str, int] = {}
    references: dict[str, int] = {}
    for index, manifest in enumerate(manifests):
        name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace", "")
        if manifest["kind"] == "CustomResourceDefinition":
            definitions.update(dict.fromkeys(kinds_of_definitions([manifest]), index))
        elif manifest["kind"] == "Namespace":
            namespaces[name] = index
        group = manifest["apiVersion"].split("/")[0] if "/" in manifest["apiVersion"] else ""
        scope = f"namespaces/{namespace}/" if namespace else ""
        references[f"{group}/{scope}{manifest['kind']}/{name}"] = index
    result: list[list[int]] = []
    for index, manifest in enumerate(manifests):
        needs = {
            definitions.get((manifest["apiVersion"], manifest["kind"])),
            namespaces.get(manifest["metadata"].get("namespace", "")),
        }
        text: str = annotations_of(manifest).get(DEPENDS_ON, "")
        needs |= {references.get(reference.strip()) for reference in text.split(",") if reference.strip()}
        result.append(sorted(need for need in needs if need is not None and need != index))
    return result
