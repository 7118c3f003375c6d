"""Revision tags: names that namespaces and gateways follow while the control plane behind them changes.

The istiod chart can render tags too, but a tag that moves would then have to leave one chart and enter another in one
`up`, and would be created before it is deleted. Here a tag is one object, and moving it is one update.
https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.meta import v1 as meta

from chatgpt_mesh.components.specs.istio import istiod_name
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

REVISION = "istio.io/rev"
NOT_REFUSED = meta.LabelSelectorRequirementArgs(key="sidecar.istio.io/inject", operator="NotIn", values=["false"])
NOT_BY_INJECTION_LABEL = meta.LabelSelectorRequirementArgs(key="istio-injection", operator="DoesNotExist")


def revision_tag(tag: str, revision: str, *, opts: pulumi.ResourceOptions) -> admission.MutatingWebhookConfiguration:
    """The webhooks by which a revision's istiod injects what carries the tag: whole namespaces, and single pods."""
    chosen = meta.LabelSelectorRequirementArgs(key=REVISION, operator="In", values=[tag])
    not_by_namespace = meta.LabelSelectorRequirementArgs(key=REVISION, operator="DoesNotExist")
    return admission.MutatingWebhookConfiguration(
        f"revision-tag-{tag}",
        metadata=meta.ObjectMetaArgs(
            # The name and the labels by which istiod finds the object and puts its certificate into it.
            name=f"istio-revision-tag-{tag}",
            labels={"app": "sidecar-injector", "istio.io/tag": tag, REVISION: revision},
        ),
        webhooks=[
            _webhook("rev.namespace.", revision, [chosen, NOT_BY_INJECTION_LABEL], [NOT_REFUSED]),
            _webhook(
                "rev.object.",
                revision,
                [not_by_namespace, NOT_BY_INJECTION_LABEL],
                [NOT_REFUSED, chosen],
            ),
        ],
        opts=opts,
    )


def _webhook(
    prefix: str,
    revision: str,
    namespaces: Sequence[meta.LabelSelectorRequirementArgs],
    objects: Sequence[meta.LabelSelectorRequirementArgs],
) -> admission.MutatingWebhookArgs:
    return admission.MutatingWebhookArgs(
        name=f"{prefix}sidecar-injector.istio.io",
        client_config=admission.WebhookClientConfigArgs(
            service=admission.ServiceReferenceArgs(
                name=istiod_name(revision), namespace=ROOT_NAMESPACE, path="/inject", port=443
            )
        ),
        side_effects="None",
        admission_review_versions=["v1"],
        # A pod without its sidecar would be outside the mesh, and refused by everything in it.
        failure_policy="Fail",
        match_policy="Equivalent",
        reinvocation_policy="Never",
        timeout_seconds=10,
        rules=[
            admission.RuleWithOperationsArgs(
                api_groups=[""], api_versions=["v1"], operations=["CREATE"], resources=["pods"], scope="*"
            )
        ],
        namespace_selector=meta.LabelSelectorArgs(match_expressions=list(namespaces)),
        object_selector=meta.LabelSelectorArgs(match_expressions=list(objects)),
    )
