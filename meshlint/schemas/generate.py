"""Write the schema tables from the Istio modules that `lab/toolchain/istio/go.mod` pins.

    python -m meshlint.schemas.generate

Needs Go (to find the modules) and grpcio-tools (to read the protobuf files); linting needs neither.
"""

# pyright: basic
from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from meshlint.schemas import REQUIRED, Schema

HERE = Path(__file__).parent
TOOLCHAIN = HERE.parent.parent / "lab" / "toolchain" / "istio"

CHARTS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
    "gateway": "gateway",
}
DEFAULTS_KEY = "_internal_defaults_do_not_set"


def module_dir(module: str) -> Path:
    """The source directory of a Go module at its pinned version."""
    found = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", module],  # noqa: S607
        cwd=TOOLCHAIN,
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(found.stdout.strip())


def module_version(module: str) -> str:
    found = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Version}}", module],  # noqa: S607
        cwd=TOOLCHAIN,
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


# Istio's custom resource definitions -----------------------------------------------------------------------------


def compact(node: dict[str, Any]) -> Schema:
    """An openAPI v3 schema in the compact form."""
    if node.get("x-kubernetes-int-or-string"):
        return "is"
    if "enum" in node:
        return ["e", *node["enum"]]
    match node.get("type"):
        case "string":
            return "s"
        case "boolean":
            return "b"
        case "integer":
            return "i"
        case "number":
            return "n"
        case "array":
            return ["l", compact(node["items"])]
        case "object":
            if "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields"):
                fields = {name: compact(field) for name, field in sorted(node["properties"].items())}
                if node.get("required"):
                    fields[REQUIRED] = sorted(node["required"])
                return fields
            if isinstance(node.get("additionalProperties"), dict):
                return ["m", compact(node["additionalProperties"])]
            return "x"
        case _:
            return "x"


def istio_resources(api: Path) -> dict[str, Schema]:
    tables: dict[str, Schema] = {}
    text = (api / "kubernetes" / "customresourcedefinitions.gen.yaml").read_text(encoding="utf-8")
    for definition in yaml.load_all(text, Loader=yaml.CSafeLoader):
        group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
        versions: dict[str, Any] = {}
        spec: Schema = None
        for version in definition["spec"]["versions"]:
            versions[version["name"]] = {
                "served": version["served"],
                "storage": version["storage"],
                "deprecated": version.get("deprecated", False),
            }
            if version["storage"]:
                spec = compact(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
        tables[f"{group}/{kind}"] = {"versions": versions, "spec": spec}
    return dict(sorted(tables.items()))


# MeshConfig ---------------------------------------------------------------------------------------------------------


def descriptors(proto: Path, includes: list[Path]) -> Any:
    """The FileDescriptorSet of `proto`, imports included."""
    import grpc_tools
    from google.protobuf import descriptor_pb2
    from grpc_tools import protoc

    wellknown = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set"
        paths = [f"-I{include}" for include in [*includes, wellknown]]
        code = protoc.main(["protoc", *paths, f"--descriptor_set_out={out}", "--include_imports", str(proto)])
        if code != 0:
            sys.exit(f"protoc could not read {proto} (exit code {code})")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


WELL_KNOWN: dict[str, Schema] = {
    ".google.protobuf.Duration": "s",
    ".google.protobuf.Struct": "x",
    ".google.protobuf.Value": "x",
    ".google.protobuf.Any": "x",
    ".google.protobuf.BoolValue": "b",
    ".google.protobuf.StringValue": "s",
    ".google.protobuf.DoubleValue": "n",
    ".google.protobuf.UInt32Value": "i",
    ".google.protobuf.Int32Value": "i",
    ".google.protobuf.Int64Value": "i",
    ".google.protobuf.UInt64Value": "i",
}


class Messages:
    """The messages of a descriptor set, as compact schemas."""

    def __init__(self, found: Any) -> None:
        self.messages: dict[str, Any] = {}
        self.enums: dict[str, list[str]] = {}
        for file in found.file:
            self._collect(f".{file.package}" if file.package else "", file.message_type, file.enum_type)

    def _collect(self, prefix: str, messages: Any, enums: Any) -> None:
        for enum in enums:
            self.enums[f"{prefix}.{enum.name}"] = [value.name for value in enum.value]
        for message in messages:
            name = f"{prefix}.{message.name}"
            self.messages[name] = message
            self._collect(name, message.nested_type, message.enum_type)

    def schema(self, name: str, seen: tuple[str, ...] = ()) -> Schema:
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        if name in seen or name not in self.messages:
            return "x"
        message = self.messages[name]
        return {
            field.json_name: self._field(field, (*seen, name))
            for field in sorted(message.field, key=lambda field: field.json_name)
        }

    def _field(self, field: Any, seen: tuple[str, ...]) -> Schema:
        entry = self.messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            value = next(part for part in entry.field if part.name == "value")
            return ["m", self._single(value, seen)]
        single = self._single(field, seen)
        return ["l", single] if field.label == field.LABEL_REPEATED else single

    def _single(self, field: Any, seen: tuple[str, ...]) -> Schema:
        if field.type == field.TYPE_MESSAGE:
            return self.schema(field.type_name, seen)
        if field.type == field.TYPE_ENUM:
            return ["e", *self.enums[field.type_name]]
        if field.type == field.TYPE_BOOL:
            return "b"
        if field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            return "s"
        return "n" if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT) else "i"


def mesh_config(api: Path) -> dict[str, Schema]:
    messages = Messages(descriptors(api / "mesh/v1alpha1/config.proto", [api, api / "common-protos"]))
    return {"MeshConfig": messages.schema(".istio.mesh.v1alpha1.MeshConfig")}


# Chart values -------------------------------------------------------------------------------------------------------


def key_tree(value: Any) -> Schema:
    """Which keys a values file may hold; an empty map or a scalar leaves its content open."""
    if isinstance(value, dict) and value:
        return {str(key): key_tree(inner) for key, inner in value.items()}
    return "x"


def merge(left: Schema, right: Schema) -> Schema:
    if not isinstance(left, dict) or not isinstance(right, dict):
        # One side leaves the content open: so does the union.
        return "x"
    keys: set[str] = {*left, *right}
    return {
        key: merge(left[key], right[key]) if key in left and key in right else left.get(key, right.get(key))
        for key in sorted(keys)
    }


def template_keys(chart: Path) -> Schema:
    """Keys that the templates read although values.yaml does not list them."""
    tree: dict[str, Any] = {}
    for template in sorted((chart / "templates").rglob("*")):
        if not template.is_file():
            continue
        for path in re.findall(r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)", template.read_text(encoding="utf-8")):
            level = tree
            for key in path.strip(".").split("."):
                level = level.setdefault(key, {})
    return _open_leaves(tree)


def _open_leaves(tree: dict[str, Any]) -> Schema:
    return {key: _open_leaves(inner) for key, inner in tree.items()} if tree else "x"


def key_names(schema: Schema) -> Schema:
    """A typed schema reduced to its key names."""
    if isinstance(schema, dict):
        return {key: key_names(inner) for key, inner in schema.items()} or "x"
    return "x"


def free_form(tree: Schema, path: tuple[str, ...] = ()) -> Schema:
    """Maps whose keys the user chooses stay open although values.yaml shows an example in them."""
    if not isinstance(tree, dict) or (path and path[-1] in FREE_FORM):
        return "x"
    return {key: free_form(inner, (*path, key)) for key, inner in tree.items()}


FREE_FORM = frozenset(
    {
        "podAnnotations", "annotations", "labels", "podLabels", "env", "nodeSelector", "resources", "requests",
        "limits", "affinity", "injectedAnnotations", "meshConfig", "meshNetworks", "serviceAnnotations", "platforms",
        "deploymentLabels", "deploymentAnnotations", "daemonSetLabels", "templates", "securityContext", "networkLabels",
    }
)  # fmt: skip


def chart_values(istio: Path) -> dict[str, Schema]:
    proto = istio / "operator/pkg/apis/values_types.proto"
    messages = Messages(descriptors(proto, [proto.parent, istio]))
    package = next(name for name in messages.messages if name.endswith(".Values")).rsplit(".", 1)[0]
    values = key_names(messages.schema(f"{package}.Values"))
    tables: dict[str, Schema] = {"IstioOperator": free_form(values)}
    for name, directory in CHARTS.items():
        chart = istio / "manifests/charts" / directory
        defaults = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
        inner = defaults.pop(DEFAULTS_KEY, {})
        tree = merge(key_tree({**defaults, "": 0}), key_tree({**inner, "": 0}))
        tree = merge(tree, template_keys(chart))
        tree.pop("", None)
        tree.pop(DEFAULTS_KEY, None)
        if name == "gateway":
            declared = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
            tree = merge(tree, dict.fromkeys(declared["$defs"]["values"]["properties"], "x") | {"": "x"})
            tree = {key: inner for key, inner in tree.items() if key and key != DEFAULTS_KEY}
            tree |= {key: key_tree(inner[key]) for key in tree if key in inner and isinstance(inner[key], dict)}
        if name == "istiod":
            # Istio's templates still read the sections that the charts had before they were split.
            tree = merge(tree, {key: values[key] for key in ("global", "sidecarInjectorWebhook", "telemetry")})
            tree["pilot"] = values["pilot"]
        for shared in ("profile", "platform", "compatibilityVersion", "enabled"):
            tree.setdefault(shared, "x")
        tree["global"] = merge(tree.get("global", {"": "x"}), values["global"]) if name != "gateway" else "x"
        tables[name] = free_form({key: inner for key, inner in tree.items() if key})
    return tables


# Environment variables ------------------------------------------------------------------------------------------------

ENVIRONMENT_NAME = re.compile(r'"((?:PILOT|ISTIO)_[A-Z0-9_]+)"')
METADATA_TAG = re.compile(r'json:"([A-Z][A-Z0-9_]+)')


def environment_names(istio: Path) -> list[str]:
    """Variables of istiod and the proxy's agent that some Go file other than a test mentions."""
    names: set[str] = set()
    for directory in ("pilot", "pkg", "security"):
        for file in (istio / directory).rglob("*.go"):
            if not file.name.endswith("_test.go"):
                names.update(ENVIRONMENT_NAME.findall(file.read_text(encoding="utf-8")))
    for file in (istio / "pkg" / "model").glob("*.go"):
        names.update(f"ISTIO_META_{tag}" for tag in METADATA_TAG.findall(file.read_text(encoding="utf-8")))
    return sorted(names)


def documents() -> dict[str, dict[str, Any]]:
    """What each JSON file holds, by name without suffix."""
    api, istio = module_dir("istio.io/api"), module_dir("istio.io/istio")
    pinned = {"istio.io/api": module_version("istio.io/api"), "istio.io/istio": module_version("istio.io/istio")}
    tables: dict[str, dict[str, Any]] = {
        "istio_resources": istio_resources(api),
        "mesh_config": mesh_config(api),
        "chart_values": chart_values(istio),
        "environment_names": {"names": environment_names(istio)},
    }
    return {
        name: {"generated_by": "python -m meshlint.schemas.generate", "from": pinned, "tables": table}
        for name, table in tables.items()
    }


def main() -> None:
    for name, document in documents().items():
        out = HERE / f"{name}.json"
        out.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
        print(f"{out.name}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
