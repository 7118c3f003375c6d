"""Who in the mesh may call an app, by verified identity: https://istio.io/latest/docs/reference/config/security/authorization-policy/"""

from __future__ import annotations

from typing import Literal

from mesh.spec import DnsLabel, HttpPath, Many, Spec

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class CallerSpec(Spec):
    """A workload that may call this app. Exactly one of app and service_account."""

    app: DnsLabel | None = None
    """An app of this stack."""
    service_account: DnsLabel | None = None
    """A service account."""
    namespace: DnsLabel | None = None
    """Namespace of the service account. Default: this app's. A namespace outside this stack is another team's and taken at its word."""
    paths: Many[HttpPath] = ()
    """Exact paths, or with a trailing '/' everything below. Default: the MCP path, and the app's own routes."""
    methods: Many[Method] = ()
    """Methods. Default: those that the paths are declared with, else GET and POST."""
