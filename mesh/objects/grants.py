"""What a platform's stack writes for teams that have hosts at its gateways.

A team's stack writes in its own namespaces alone, so everything that stands in a gateway's is here, made from the grant
and not from the apps: which hosts each namespace may bind (the Gateway's `NAMESPACE/HOST`), whose tokens are verified,
what a token that does not verify is answered, and that a token expires. The rest an app's VirtualService does itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.path_rules import REFUSE_ESCAPED_SLASHES
from chatgpt_mesh.mesh.specs.grants import at_gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.istio_api.networking import EnvoyFilter_EnvoyConfigObjectPatch
    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.auth import IssuerSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def objects(graph: Graph) -> Iterator[Owned]:
    """In each granted namespace: refusal of paths that proxy and app may read differently (`path_rules`)."""
    for grant in graph.grants.values():
        for namespace in grant.namespaces:
            spec = envoy_patches.envoy_filter([REFUSE_ESCAPED_SLASHES], None)
            yield Owned(Resource(metadata=ObjectMeta(name="paths", namespace=namespace), spec=spec), grant.declared_at)


def claims(graph: Graph, gateway: GatewaySpec) -> Iterator[tuple[str, str]]:
    """Listener, and NAMESPACE/HOST that it lets bind: Istio takes a host there from no other namespace."""
    for grant in at_gateway(graph.grants, gateway):
        for host in grant.hosts:
            if (listener := gateway.listener_of(host)) is not None:
                for namespace in grant.namespaces:
                    yield listener, f"{namespace}/{host}"


def issuers(graph: Graph, gateway: GatewaySpec) -> tuple[IssuerSpec, ...]:
    """Whose tokens a gateway verifies for teams."""
    return tuple(issuer.verified() for grant in at_gateway(graph.grants, gateway) for issuer in grant.issuers)


def expiry_filters(graph: Graph, gateway: GatewaySpec) -> Iterator[EnvoyFilter_EnvoyConfigObjectPatch]:
    """403 to a verified token without `exp`, which would be valid for ever: what routes of other stacks ask for
    (`auth.claims.ENDS`) is theirs, and Istio's policies compare text alone."""
    hosts = [host for grant in at_gateway(graph.grants, gateway) if grant.issuers for host in grant.hosts]
    if not hosts:
        return
    verified = {"metadata": _claim("iss")}
    lasting = {"not_id": {"metadata": _claim("exp")}}
    authority = {"name": ":authority", "string_match": {"safe_regex": {"regex": host_pattern(hosts)}}}
    policy = {"permissions": [{"header": authority}], "principals": [{"and_ids": {"ids": [verified, lasting]}}]}
    message = "envoy.extensions.filters.http.rbac.v3.RBAC"
    fields = {"rules": {"action": "DENY", "policies": {"token-without-expiry": policy}}}
    yield envoy_patches.before_router("mcp.granted-token-expiry", message, fields)


def _claim(name: str) -> dict[str, Any]:
    path = envoy_patches.claim_path(name)
    return {"filter": envoy_patches.JWT_METADATA, "path": path, "value": {"present_match": True}}


def host_pattern(patterns: tuple[str, ...] | list[str]) -> str:
    """A regular expression for `:authority` of names and wildcards."""
    forms = (rf"[-a-z0-9.]+{re.escape(one[1:])}" if one.startswith("*.") else re.escape(one) for one in patterns)
    return rf"(?i)({'|'.join(forms)})(:[0-9]+)?"
