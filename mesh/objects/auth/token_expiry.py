"""A token without `exp` is valid for ever, and Istio cannot ask for the claim: its matches compare text, and `exp` is
a number.

So the routes that a token opens are given one more condition: the verified payload has an `exp`. Without it the request
falls to the route that answers 401. It is a change of routes, so editing it cuts no stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.auth.claims import claim
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.istio_api.networking import HTTPRoute
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

HAS_EXPIRY = envoy_patches.merge(
    {
        "match": {
            "dynamic_metadata": [
                {
                    "filter": envoy_patches.JWT_METADATA,
                    "path": envoy_patches.claim_path("exp"),
                    "value": {"present_match": True},
                }
            ]
        }
    }
)


def opened_by_token(routes: Iterable[HTTPRoute]) -> tuple[str, ...]:
    """Names of the routes that lead on for the sake of a verified token."""
    subject = claim("sub")
    names = (
        route.name or ""
        for route in routes
        if (route.route or route.delegate is not None) and any(subject in match.headers for match in route.match)
    )
    return tuple(dict.fromkeys(names))


def objects(virtual_service: str, app: AppSpec, gateway: GatewaySpec, routes: Iterable[HTTPRoute]) -> Iterator[Owned]:
    if app.auth is None or not app.auth.require_expiry:
        return
    patches = [envoy_patches.route(route, HAS_EXPIRY) for route in opened_by_token(routes)]
    if patches:
        metadata = ObjectMeta(name=f"{virtual_service}-token-expiry", namespace=gateway.home)
        yield Owned(
            Resource(metadata=metadata, spec=envoy_patches.envoy_filter(patches, gateway.pod_labels)),
            f"{app.declared_at}.auth",
        )
