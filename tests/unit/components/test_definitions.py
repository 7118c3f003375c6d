"""Which resources are registered with the provider that adopts what is there."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pytest

from chatgpt_mesh.components import definitions

pytestmark = pytest.mark.unit

ADOPTING = cast("pulumi.ProviderResource", object())


def transformed(kind: str) -> pulumi.ResourceTransformResult | None:
    arguments: dict[str, Any] = {"metadata": {"name": "x"}}
    opts = pulumi.ResourceOptions(retain_on_delete=True)
    found = definitions.adopted_by(ADOPTING)(pulumi.ResourceTransformArgs(True, kind, "x", arguments, opts))
    return cast("pulumi.ResourceTransformResult | None", found)


def test_a_definition_is_adopted_and_still_outlives_its_stack() -> None:
    found = transformed("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")
    assert found is not None
    assert found.props == {"metadata": {"name": "x"}}
    assert found.opts.provider is ADOPTING
    assert found.opts.retain_on_delete


@pytest.mark.parametrize(
    "kind",
    [
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:helm.sh/v4:Chart",
    ],
)
def test_nothing_else_is(kind: str) -> None:
    assert transformed(kind) is None
