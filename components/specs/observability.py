"""Kiali and Grafana's dashboards, beside the Prometheus and the trace store that a cluster has already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from chatgpt_mesh.mesh.specs.kubernetes_names import LabelKey, OwnNamespace
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec, authority_refusal
from chatgpt_mesh.mesh.specs.words import HeaderWord

if TYPE_CHECKING:
    ServiceUrl = str
else:
    ServiceUrl = text_like(
        r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()+,=:@/-]*)?",
        "must be the URL of a Service inside the cluster, such as http://prometheus.observability:9090",
        longest=500,
        examples=["http://prometheus.observability:9090"],
        further=authority_refusal,
    )


class OpenIdSpec(Spec):
    """Sign-in at an OpenID provider. The client's secret is the key `oidc-secret` of the Secret `kiali`.

    https://kiali.io/docs/configuration/authentication/openid/
    """

    issuer: HttpsUrl
    """The provider."""
    client_id: HeaderWord
    """Id of the client that is registered there for Kiali."""
    username_claim: HeaderWord = "email"
    """Claim that names the person, whose own rights in Kubernetes then decide what Kiali shows."""


class KialiSpec(Spec):
    """Kiali's chart: https://kiali.io/docs/installation/installation-guide/install-with-helm/

    It has no address outside the cluster: people reach it by `kubectl port-forward`, or a route of their own making.
    """

    version: Annotated[str, StringConstraints(pattern=r"^2\.[0-9]+\.[0-9]+$")]
    """Version of the chart `kiali-server`, such as `2.21.0`."""
    repository: HttpsUrl = "https://kiali.org/helm-charts"
    """Helm repository of the chart."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "kiali"
    """Namespace that is made for it."""
    login: Literal["token", "openid"] = "token"
    """token: of a Kubernetes service account. openid: of a person. There is no anonymous: it would show the whole mesh
    to whoever reaches the port."""
    openid: OpenIdSpec | None = None
    """The provider, for `login: openid`."""
    view_only: bool = True
    """Nothing can be changed from its pages, where the next `up` would take it back."""
    prometheus: ServiceUrl
    """Where it reads metrics."""
    tracing: ServiceUrl | None = None
    """Where it reads traces: Jaeger's query service. None: no traces."""

    @model_validator(mode="after")
    def _provider(self) -> Self:
        if (self.login == "openid") != (self.openid is not None):
            raise ValueError("openid belongs to login: openid, and is needed there; give both or neither")
        return self


class GrafanaSpec(Spec):
    """Dashboards for a Grafana that is there already, as ConfigMaps that its sidecar picks up."""

    namespace: Annotated[DnsLabel, OwnNamespace]
    """Namespace that its sidecar watches."""
    label: LabelKey = "grafana_dashboard"
    """Label by which the sidecar knows a dashboard; its value is `"1"`."""
    internal_url: ServiceUrl | None = None
    """Where Kiali reaches it, to link to it."""
    external_url: HttpsUrl | None = None
    """Where people reach it."""


class ObservabilitySpec(Spec):
    """What shows people the mesh. Each part is made only where it is declared."""

    kiali: KialiSpec | None = None
    """Kiali."""
    grafana: GrafanaSpec | None = None
    """A dashboard for each app that has a Service."""
