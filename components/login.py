"""The pods of the login before Grafana and Kiali: https://oauth2-proxy.github.io/oauth2-proxy/

A Deployment of the stack's own: what is refused hangs on the arguments, which a test runs as they stand here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.restricted_pods import NO_PRIVILEGE, disruption_budget, requested, run_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatgpt_mesh.components.specs.login import LoginSpec

NAME = "mesh-login"
LABELS = {"app.kubernetes.io/name": NAME}
COOKIE = "__Host-mesh-login"
"""Browsers take a cookie of this prefix from HTTPS alone, for this host alone, so no neighbour can put one there."""

CLIENT_SECRET, COOKIE_SECRET = "client-secret", "cookie-secret"


def arguments(spec: LoginSpec, upstreams: Sequence[str]) -> list[str]:
    """oauth2-proxy's command line; each upstream is a URL whose path is the one that people ask for.

    https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview#command-line-options
    """
    return [
        "--provider=oidc",
        f"--oidc-issuer-url={spec.issuer}",
        f"--client-id={spec.client_id}",
        f"--scope={' '.join(spec.scopes)}",
        f"--redirect-url={spec.url}/oauth2/callback",
        f"--http-address=0.0.0.0:{spec.port}",
        *(f"--upstream={upstream}" for upstream in upstreams),
        *_who(spec),
        *_cookies(spec),
        # A code that is caught on the way is worth nothing without the verifier.
        "--code-challenge-method=S256",
        # An ID token of another login is refused.
        "--insecure-oidc-skip-nonce=false",
        # The upstream is told who came, and no token or password.
        "--pass-user-headers=true",
        "--pass-basic-auth=false",
        "--pass-access-token=false",
        "--pass-authorization-header=false",
        # What a client says of itself is taken off.
        "--skip-auth-strip-headers=true",
        "--skip-provider-button=true",
        # The provider's own session decides whether somebody is asked for a password.
        "--approval-prompt=auto",
        # A line of a request would have the code in it.
        "--request-logging=false",
        # No version for whoever is not let in.
        "--footer=-",
    ]


def _who(spec: LoginSpec) -> Iterator[str]:
    yield from (f"--email-domain={domain}" for domain in spec.email_domains or ("*",))
    if spec.groups:
        yield f"--oidc-groups-claim={spec.groups_claim}"
    yield from (f"--allowed-group={group}" for group in spec.groups)


def _cookies(spec: LoginSpec) -> Iterator[str]:
    yield f"--cookie-name={COOKIE}"
    yield "--cookie-path=/"
    # Never in clear, browsers take localhost for HTTPS; never for a script.
    yield "--cookie-secure=true"
    yield "--cookie-httponly=true"
    # Sent on the way back from the provider, and with no other request that another site begins.
    yield "--cookie-samesite=lax"
    yield f"--cookie-expire={int(spec.session.total_seconds())}s"
    yield "--cookie-csrf-per-request=true"
    yield "--cookie-csrf-expire=5m"
    # No token of the provider's goes to the browser.
    yield "--session-cookie-minimal=true"


def manifests(spec: LoginSpec, upstreams: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Objects in its namespace."""
    metadata = {"name": NAME, "namespace": spec.namespace, "labels": LABELS}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            "selector": LABELS,
            "ports": [{"name": "http", "port": spec.port, "targetPort": "http", "appProtocol": "http"}],
        },
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": _pod(spec, upstreams)},
        },
    }
    if spec.replicas > 1:
        yield disruption_budget(metadata, LABELS)


def _pod(spec: LoginSpec, upstreams: Sequence[str]) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "securityContext": run_as(65532),
        "containers": [_container(spec, upstreams)],
    }


def _container(spec: LoginSpec, upstreams: Sequence[str]) -> dict[str, Any]:
    names = {"OAUTH2_PROXY_CLIENT_SECRET": CLIENT_SECRET, "OAUTH2_PROXY_COOKIE_SECRET": COOKIE_SECRET}
    return {
        "name": "oauth2-proxy",
        "image": spec.image,
        "args": arguments(spec, upstreams),
        "env": [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": spec.secret, "key": key}}}
            for name, key in names.items()
        ],
        "ports": [{"name": "http", "containerPort": spec.port}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/ping", "port": "http"}, "periodSeconds": 10},
        "resources": requested(spec.resources),
        "securityContext": NO_PRIVILEGE,
    }
