"""Istio's custom resource definitions, which stay on the cluster when a stack goes.

Istio's charts keep them, because with a definition go all objects of its kind, whoever wrote them. So the next stack on
that cluster finds them there, and a create would end with AlreadyExists. They alone are adopted: a provider of their
own applies them to what is there, by server-side apply and without force. What is the same is taken as it is; a
definition that another owner holds in another version is a conflict, which a person decides. Every other object of
Istio's that is there already stays an error, since it may serve another mesh.
"""

from __future__ import annotations

import pulumi

_DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


def adopted_by(provider: pulumi.ProviderResource) -> pulumi.ResourceTransform:
    """Registers definitions, those in charts included, with the provider that adopts them."""

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != _DEFINITION:
            return None
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(provider=provider))
        return pulumi.ResourceTransformResult(args.props, opts)

    return transform
