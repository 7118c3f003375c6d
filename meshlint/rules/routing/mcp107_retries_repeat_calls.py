"""Retries that repeat requests which are not idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping, text, whole
from meshlint.view.strings import UNSAFE_METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP107",
    ERROR,
    "Retries that repeat requests which are not idempotent",
    symptoms=("a tool call runs several times", "a payment is made twice"),
    why="""
`5xx`, `reset`, `gateway-error` and the gRPC conditions retry a request that the server may have carried out already.
A failing POST with `attempts: 3` ran four times, measured. Only `connect-failure` and `refused-stream` are safe for
every method: the server has not seen the request. `retries` without `retryOn` means Istio's default, which is not
safe either. For hosts that serve MCP this is an error (every tool call is a POST), for others a warning, or an info
where it is no more than Istio's default.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - retries: {attempts: 3, retryOn: "5xx,connect-failure"}
    route: [{destination: {host: mcp}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
""",
    sources=(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on",
        "https://github.com/istio/istio/issues/13851",
    ),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        retries = mapping(route.raw, "retries")
        if not retries or whole(retries, "attempts") == 0 or not route.destinations:
            continue
        methods = route.methods() & UNSAFE_METHODS
        if not methods:
            continue
        written = text(retries, "retryOn")
        conditions = [part.strip() for part in written.split(",") if part.strip()]
        unsafe = [condition for condition in conditions if condition not in SAFE_CONDITIONS]
        tries = (whole(retries, "attempts") or 2) + 1
        if conditions and not unsafe:
            continue
        said = (
            f"is {written!r}"
            if written
            else "is absent, and Istio's default repeats calls on 503 and on gRPC's unavailable"
        )
        many = "/".join(sorted(methods))
        serves_mcp = any(target.fqdn in mesh.mcp_hosts for target in route.destinations)
        yield Hit(
            route.obj,
            (*route.path, "retries", "retryOn"),
            f"{said}: a failing {many} is executed up to {tries} times",
            'write "connect-failure,refused-stream", which never repeat a call that the server has seen',
            None if serves_mcp else INFO if set(unsafe) <= BY_DEFAULT else WARNING,
            None if serves_mcp else WARNING,
        )


SAFE_CONDITIONS = frozenset({"connect-failure", "refused-stream", "retry-on-same-host", "envoy-ratelimited"})

BY_DEFAULT = frozenset({"unavailable", "cancelled", "retriable-status-codes", "503"})
"""What Istio retries where a route says nothing."""
