"""Who signs the certificates of listeners, and cert-manager, which asks them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.unit.random_stacks.gateways import BY_RECORD, resources
from tests.unit.random_stacks.scalars import Drawn, Values, always, one, some, spec, truth

_zone = spec(always(project=one("acme-dns", "example.com:acme-dns")), zone=st.none() | one("example-com"))
_acme = spec(
    server=one("https://acme-staging-v02.api.letsencrypt.org/directory"),
    email=st.none() | one("platform@example.com"),
    account_secret=st.none() | one("acme-key"),
    external_account=st.none() | spec(always(key_id=one("kid-1"), secret=one("eab"))),
    profile=st.none() | one("shortlived"),
)


@st.composite
def _by_record(draw: st.DrawFn) -> Values:
    return {"acme": {**draw(_acme), "dns01": {"cloud_dns": draw(_zone)}}}


@st.composite
def _by_page(draw: st.DrawFn) -> Values:
    return {"acme": {**draw(_acme), "http01": {}}}


_own_ca: Values = {"ca": {"secret": "company-ca"}, "existing": False}
_of_hosts_with_a_star: Drawn = _by_record() | st.just(_own_ca) | st.just({"existing": True})
_cert_manager: Drawn = spec(always(install=one(False)), namespace=one("cert-manager", "pki")) | spec(
    install=one(True),
    version=one("v1.18.0", "v1.21.2"),
    repository=one("https://charts.example.com"),
    chart=st.none() | one("/opt/charts/cert-manager"),
    namespace=one("cert-manager", "pki"),
    service_account=one("cert-manager", "issuer"),
    google_service_account=st.none() | one("certificates@acme-dns.iam.gserviceaccount.com"),
    images=spec(
        hub=st.none() | one("registry.example.com/jetstack"),
        tag=st.none() | one("v1.21.2"),
        pull_policy=st.none() | one("Always", "IfNotPresent", "Never"),
    ),
    replicas=one(1, 2, 3),
    resources=resources,
    network_policies=truth,
)


def asked(gateways: Values) -> set[str]:
    """The issuers that listeners ask."""
    listeners = (listener for gateway in gateways.values() for listener in gateway.get("listeners", {}).values())
    found: list[Any] = [listener.get("tls", {}).get("cert_manager") for listener in listeners]
    return {one["issuer"] for one in found if one is not None and one.get("kind") != "Issuer"}


@st.composite
def issuers(draw: st.DrawFn, gateways: Values) -> Values:
    """Those that listeners ask, and others."""
    names = sorted(asked(gateways) | set(draw(some(BY_RECORD, "spare"))))
    made: Values = {name: draw(_of_hosts_with_a_star if name in (BY_RECORD, "spare") else _by_page()) for name in names}
    return {"certificate_issuers": made} if made else {}


@st.composite
def cert_manager(draw: st.DrawFn, declared: Values) -> Values:
    """`cert_manager`, where it is needed and sometimes where it is not."""
    listeners = (one for gateway in declared["gateways"].values() for one in gateway.get("listeners", {}).values())
    needed = "certificate_issuers" in declared or any("cert_manager" in one.get("tls", {}) for one in listeners)
    return {"cert_manager": draw(_cert_manager)} if needed or draw(truth) else {}
