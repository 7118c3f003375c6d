"""The oracle of the other tests: it must refuse what the API server refuses or drops."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crd_schema import assert_served, problems

VIRTUAL_SERVICE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "app", "namespace": "apps", "labels": {"any": "thing"}},
    "spec": {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}], "timeout": "600s"}]},
}


def test_takes_a_served_object() -> None:
    assert_served(VIRTUAL_SERVICE)


def test_refuses_a_field_that_the_api_server_would_drop() -> None:
    misplaced = VIRTUAL_SERVICE | {"spec": VIRTUAL_SERVICE["spec"] | {"corsPolicy": {}}}
    assert problems(misplaced) == [
        "$.spec: Additional properties are not allowed ('corsPolicy' was unexpected)",
    ]
    with pytest.raises(AssertionError, match="VirtualService/apps/app"):
        assert_served(misplaced)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("VirtualService", {"hosts": "app"}),
        ("VirtualService", {"http": [{"match": [{"uri": {"exact": "/", "prefix": "/"}}]}]}),
        ("DestinationRule", {}),
        ("DestinationRule", {"host": "app", "trafficPolicy": {"tls": {"mode": "NONE"}}}),
    ],
    ids=["wrong type", "two of a oneof", "required field missing", "unknown enum value"],
)
def test_refuses_wrong_values(kind: str, spec: dict[str, Any]) -> None:
    assert problems(VIRTUAL_SERVICE | {"kind": kind, "spec": spec})


def test_refuses_a_version_that_is_not_served() -> None:
    assert problems(VIRTUAL_SERVICE | {"kind": "EnvoyFilter"}) == [
        "EnvoyFilter is not served as networking.istio.io/v1",
    ]


def test_keeps_free_form_fields_open() -> None:
    assert_served(
        VIRTUAL_SERVICE
        | {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "spec": {"configPatches": [{"patch": {"value": {"anything": {"goes": True}}}}]},
        }
    )
