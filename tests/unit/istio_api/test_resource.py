"""Objects with their metadata, and manifests read back."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.istio_api.extensions import TrafficExtension, WasmPlugin
from chatgpt_mesh.istio_api.message import InvalidMessage, ResourceSpec
from chatgpt_mesh.istio_api.networking import EnvoyFilter, Gateway, ProxyConfig, Sidecar, VirtualService
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import AuthorizationPolicy
from chatgpt_mesh.istio_api.telemetry import Telemetry
from tests.crd_schema import assert_served


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "app", "namespace": "apps"},
        "spec": {"hosts": ["app"]},
    } | changes


def mistakes(given: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InvalidMessage) as refused:
        Resource.from_dict(given)
    return refused.value.problems


def test_an_object_is_written_as_the_api_server_takes_it() -> None:
    resource = Resource(
        ObjectMeta(name="app", namespace="apps", labels={"team": "chat"}, annotations={"note": "yes"}),
        VirtualService(hosts=["app"]),
    )
    assert resource.to_dict() == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {
            "name": "app",
            "namespace": "apps",
            "labels": {"team": "chat"},
            "annotations": {"note": "yes"},
        },
        "spec": {"hosts": ["app"]},
    }
    assert_served(resource.to_dict())
    assert (resource.kind, resource.api_version, resource.key) == (
        "VirtualService",
        "networking.istio.io/v1",
        "VirtualService/apps/app",
    )


@pytest.mark.parametrize(
    ("spec", "api_version"),
    [
        (Gateway(), "networking.istio.io/v1"),
        (Sidecar(), "networking.istio.io/v1"),
        (EnvoyFilter(), "networking.istio.io/v1alpha3"),
        (ProxyConfig(), "networking.istio.io/v1beta1"),
        (AuthorizationPolicy(), "security.istio.io/v1"),
        (Telemetry(), "telemetry.istio.io/v1"),
        (WasmPlugin(url="oci://example.com/x"), "extensions.istio.io/v1alpha1"),
        (TrafficExtension(), "extensions.istio.io/v1alpha1"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ResourceSpec) else "",
)
def test_the_version_is_v1_where_istio_serves_it(spec: ResourceSpec, api_version: str) -> None:
    assert Resource(ObjectMeta(name="x", namespace="y"), spec).to_dict()["apiVersion"] == api_version


def test_a_manifest_of_an_older_version_is_written_in_the_current_one() -> None:
    read = Resource.from_dict(manifest(apiVersion="networking.istio.io/v1beta1"))
    assert read.to_dict() == manifest()


def test_a_missing_spec_is_an_empty_one() -> None:
    denied = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
    read = Resource.from_dict(denied | {"metadata": {"name": "deny-all", "namespace": "apps"}})
    assert read.spec == AuthorizationPolicy()
    assert read.to_dict()["spec"] == {}


def test_name_and_namespace_are_required() -> None:
    assert mistakes(manifest(metadata={"name": "app"})) == ("metadata: namespace is required and must not be empty",)
    assert mistakes(manifest(metadata=None)) == ("metadata: must be a mapping (given: None)",)


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    assert mistakes(manifest(kind="VirtualServce")) == (
        "kind: not a kind of Istio; did you mean VirtualService? (given: 'VirtualServce')",
    )
    assert "known kinds: AuthorizationPolicy, DestinationRule" in mistakes(manifest(kind="Deployment"))[0]
    assert mistakes(manifest(kind=None))


def test_a_version_that_is_not_served_is_refused() -> None:
    assert mistakes(manifest(apiVersion="networking.istio.io/v2")) == (
        "apiVersion: VirtualService is served as networking.istio.io/v1, networking.istio.io/v1alpha3, "
        "networking.istio.io/v1beta1 (given: 'networking.istio.io/v2')",
    )


def test_what_the_cluster_writes_is_refused() -> None:
    live = manifest(
        metadata={"name": "app", "namespace": "apps", "uid": "1", "resourceVersion": "2", "labls": {}}, status={}
    )
    assert mistakes(live) == (
        "status: is written by the cluster; remove it",
        "metadata.resourceVersion: is written by the cluster; remove it",
        "metadata.uid: is written by the cluster; remove it",
        "metadata.labls: unknown field of ObjectMeta; did you mean labels?",
    )


def test_all_mistakes_of_a_manifest_come_at_once() -> None:
    assert mistakes(
        {
            "apiVersion": "networking.istio.io/v3",
            "kind": "VirtualService",
            "metadata": {"namespace": "apps"},
            "spec": {"hosts": ["app"], "http": [{"timeout": 5}]},
            "sepc": {},
        }
    ) == (
        "apiVersion: VirtualService is served as networking.istio.io/v1, networking.istio.io/v1alpha3, "
        "networking.istio.io/v1beta1 (given: 'networking.istio.io/v3')",
        "sepc: not a field of a manifest; a manifest has apiVersion, kind, metadata and spec",
        "metadata: name is required and must not be empty",
        'spec.http[0].timeout: must be a duration such as "10s" or "1h30m" (given: 5)',
    )
