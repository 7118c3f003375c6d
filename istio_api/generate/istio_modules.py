"""Istio's own files, read from the Go modules that the lab's toolchain pins."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import descriptor_pb2

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLCHAIN_MODULE = REPOSITORY / "lab" / "toolchain" / "istio"


@functools.cache
def module_directory(module: str) -> Path:
    """The source of a pinned module, such as `istio.io/api`; Go downloads it on first use."""
    answer = _go("mod", "download", "-json", f"{module}@{module_version(module)}")
    return Path(json.loads(answer)["Dir"])


@functools.cache
def module_version(module: str) -> str:
    """The version that the toolchain pins."""
    return _go("list", "-m", "-f", "{{.Version}}", module).strip()


def _go(*arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments],  # noqa: S607 - Go comes from PATH, as the toolchain's documentation says
        cwd=TOOLCHAIN_MODULE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"go {' '.join(arguments)} failed in {TOOLCHAIN_MODULE}:\n{done.stderr}")
    return done.stdout


def file_descriptors(files: Iterable[str], roots: Iterable[Path]) -> descriptor_pb2.FileDescriptorSet:
    """Compile protobuf files (paths below one of the roots), with imports and comments."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "descriptors"
        options = [*(f"-I{root}" for root in roots), "--include_imports", "--include_source_info", f"-o{output}"]
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"protoc refuses Istio's protobuf files:\n{done.stderr}")
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())


VALUES_TYPES = "operator/pkg/apis/values_types.proto"
"""Where Istio declares the values of an IstioOperator and of most charts."""


@functools.cache
def values_types() -> descriptor_pb2.FileDescriptorSet:
    """VALUES_TYPES, compiled."""
    roots = (module_directory("istio.io/istio"), module_directory("istio.io/api") / "common-protos")
    return file_descriptors([VALUES_TYPES], roots)


@functools.cache
def custom_resource_definitions() -> tuple[Mapping[str, Any], ...]:
    """Every CRD of Istio, as Kubernetes takes it."""
    path = module_directory("istio.io/api") / "kubernetes" / "customresourcedefinitions.gen.yaml"
    return tuple(yaml.load_all(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


GATEWAY_API = "sigs.k8s.io/gateway-api"


@functools.cache
def gateway_api_definitions() -> tuple[Mapping[str, Any], ...]:
    """Every CRD of Gateway API that Istio reads: of the experimental channel, which has all that the standard one has.

    Istio is tested with that channel, and a cluster with the standard one drops what it does not know.
    """
    directory = module_directory(GATEWAY_API) / "config" / "crd" / "experimental"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: list[Mapping[str, Any]] = []
    for file in sorted(directory.glob("gateway.networking.k8s.io_*.yaml")):
        documents = yaml.load_all(file.read_text(encoding="utf-8"), Loader=loader)
        found += [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]
    return tuple(found)
