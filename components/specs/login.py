"""A login before Grafana and Kiali: oauth2-proxy, at a provider of people's identities.

https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName, OwnNamespace
from chatgpt_mesh.mesh.specs.rate_limit_deployment import Image
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, Hostname, HttpsUrl, Many, PortNumber, Spec, within
from chatgpt_mesh.mesh.specs.words import HeaderWord

IMAGE = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.6"
"""The version whose answers tests/lab/test_login.py holds."""

if TYPE_CHECKING:
    LoginUrl = str
else:
    LoginUrl = text_like(
        r"https://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(:[0-9]{1,5})?|http://localhost:[0-9]{1,5}",
        "must be where people reach the login, without a path: https://mesh.example.com, or http://localhost:4180 by "
        "kubectl port-forward",
        longest=300,
        examples=["https://mesh.example.com"],
    )


class LoginResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of each pod."""

    cpu: Cpu = "50m"
    """Requested CPU."""
    memory: Memory = "64Mi"
    """Requested memory."""
    memory_limit: Memory | None = "128Mi"
    """Limit of memory."""


class LoginSpec(Spec):
    """oauth2-proxy before what the stack shows people, by code flow with PKCE. Who is let in has to be said.

    Grafana is at `/grafana/` and Kiali at `/kiali/`; `/oauth2/sign_out` ends a session.
    """

    namespace: Annotated[DnsLabel, OwnNamespace] = "mesh-login"
    """Namespace that is made for it."""
    image: Image = IMAGE
    """Its image, with tag or digest."""
    url: LoginUrl = "http://localhost:4180"
    """Where people reach it; `/oauth2/callback` below it is registered at the provider. By default its Service is
    reached by port-forward alone."""
    port: PortNumber = 4180
    """Its own port."""
    from_namespaces: Many[DnsLabel] = ()
    """Namespaces whose pods reach it, such as a gateway's. Security: none but these; port-forward needs none."""
    issuer: HttpsUrl
    """The provider: what `iss` of its ID tokens says."""
    client_id: HeaderWord
    """Id of the client that is registered there."""
    secret: ObjectName = "mesh-login"  # noqa: S105 - a name
    """Secret of its namespace that you make: `client-secret`, and `cookie-secret` of 32 random bytes in URL-safe
    base64."""
    email_domains: Many[Hostname] = ()
    """Domains whose verified e-mail addresses are let in."""
    groups: Many[HeaderWord] = ()
    """Groups of which a person has to be in one. With `email_domains`, both have to hold."""
    groups_claim: HeaderWord = "groups"
    """Claim with a person's groups."""
    scopes: Many[HeaderWord] = ("openid", "email", "profile")
    """Scopes that are asked for; some providers have one for groups."""
    session: Annotated[Duration, within("5m", "24h", "whoever left is let in until it ends")] = Field(
        default=timedelta(hours=8), validate_default=True
    )
    """How long a login holds; then the provider is asked again."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 2
    """Pods. A session is in its cookie, so each pod knows it."""
    resources: LoginResourcesSpec = LoginResourcesSpec()
    """Requests and limits of each pod."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.email_domains or self.groups):
            raise ValueError(
                "needs email_domains or groups: without, everybody whom the provider knows would see the whole mesh"
            )
        if "openid" not in self.scopes:
            raise ValueError("scopes must have openid, without which the provider says nothing of who came")
        if self.url.startswith("http://localhost:") and self.from_namespaces:
            raise ValueError("from_namespaces belongs to a url of https; by port-forward nothing in the cluster asks")
        return self
