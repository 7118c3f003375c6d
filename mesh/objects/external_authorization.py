"""Questions to authorizers, at the app's own sidecar: who comes by a gateway and who calls in the mesh meets the same.

At a gateway they would come before the routes, and answer a client without a token before the 401 that starts OAuth.
An AuthorizationPolicy with action CUSTOM opens nothing: what an authorizer lets pass still needs an ALLOW.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.mesh_config import (
    MeshConfig_ExtensionProvider,
    MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider,
    MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider,
    MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    AuthorizationPolicy_ExtensionProvider,
    Operation,
    Rule,
    Rule_To,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.authorizers import AuthorizerSpec, RequestBodySpec


def objects(app: AppSpec) -> Iterator[Owned]:
    use = app.external_authorization
    if use is None or app.service is None:
        return
    paths = tuple(f"{path}*" if path.endswith("/") else path for path in use.paths)
    # The port of the Service alone: a scrape of another one is nothing to an authorizer.
    operation = Operation(ports=(str(app.service.target_port or app.service.port),), paths=paths)
    policy = AuthorizationPolicy(
        selector=WorkloadSelector(match_labels=app.pod_labels),
        action=AuthorizationPolicy_Action.CUSTOM,
        provider=AuthorizationPolicy_ExtensionProvider(name=use.authorizer),
        rules=(Rule(to=(Rule_To(operation=operation),)),),
    )
    yield Owned(
        Resource(metadata=ObjectMeta(name=f"{app.name}-external-authorization", namespace=app.namespace), spec=policy),
        f"{app.declared_at}.external_authorization",
    )


def extension_providers(authorizers: Mapping[str, AuthorizerSpec]) -> tuple[MeshConfig_ExtensionProvider, ...]:
    """For `meshConfig.extensionProviders`."""
    return tuple(_provider(authorizers[name]) for name in sorted(authorizers))


def _provider(spec: AuthorizerSpec) -> MeshConfig_ExtensionProvider:
    body = spec.include_request_body_in_check and _body(spec.include_request_body_in_check)
    status = str(spec.status_on_error)
    if spec.http is None:
        return MeshConfig_ExtensionProvider(
            name=spec.name,
            envoy_ext_authz_grpc=MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider(
                service=spec.service,
                port=spec.port,
                timeout=spec.timeout,
                fail_open=spec.fail_open,
                status_on_error=status,
                include_request_body_in_check=body,
            ),
        )
    http = spec.http
    return MeshConfig_ExtensionProvider(
        name=spec.name,
        envoy_ext_authz_http=MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider(
            service=spec.service,
            port=spec.port,
            timeout=spec.timeout,
            path_prefix=http.path_prefix,
            fail_open=spec.fail_open,
            status_on_error=status,
            include_request_headers_in_check=http.include_request_headers_in_check,
            include_additional_headers_in_check=http.include_additional_headers_in_check,
            include_request_body_in_check=body,
            headers_to_upstream_on_allow=http.headers_to_upstream_on_allow,
            headers_to_downstream_on_deny=http.headers_to_downstream_on_deny,
            headers_to_downstream_on_allow=http.headers_to_downstream_on_allow,
        ),
    )


def _body(spec: RequestBodySpec) -> MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody:
    return MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody(
        max_request_bytes=spec.max_request_bytes,
        allow_partial_message=spec.allow_partial_message,
        pack_as_bytes=spec.pack_as_bytes,
    )
