"""Gateways: their listeners, and the pods and Services of their charts."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.scalars import (
    MEMORY,
    MOST,
    PROCESSORS,
    Drawn,
    Values,
    always,
    named,
    one,
    some,
    spec,
    truth,
)

DOMAINS = {"public": "example.com", "partners": "partners.example.org", "internal": "corp.example.net"}
"""The domain that each gateway with listeners serves: an app NAME may have the host NAME.DOMAIN there."""

KINDS = {"public": "public", "partners": "public", "internal": "internal", "out": "egress", "out-b": "egress"}

CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

GATEWAY_POOL = "mesh"
"""The pool of a GKE cluster that gateways may ask for."""

GATEWAY_TAINT = {"key": "dedicated", "value": "gateway"}


def requests() -> Drawn:
    """Processors and memory of a pod, where a limit is never below what is asked for."""
    least, most = one(*PROCESSORS[:2]), one(*PROCESSORS[2:])
    modest, plenty = one(*MEMORY[:2]), one(*MEMORY[2:])
    unlimited = spec(
        always(memory_limit=one(None)),
        cpu=most,
        memory=plenty,
        cpu_limit=st.none(),
    )
    limited = spec(always(memory=modest), cpu=least, cpu_limit=st.none() | most, memory_limit=st.none() | plenty)
    return unlimited | limited


resources = requests()


# What is the same in each draw is made once: making a strategy takes as long as drawing from it.
_tls = spec(
    ciphers=some(*CIPHERS, least=1),
    client_certificates=st.none() | spec(subjects=some("client.example.com", "spiffe://a/b")),
)
_tls_versions = st.one_of(
    spec(min_version=one("1.2"), max_version=one(None, "1.2", "1.3")),
    spec(always(min_version=one("1.3")), max_version=one(None, "1.3")),
)
BY_RECORD, BY_PAGE = "letsencrypt", "by-page"
"""Issuers of certificates: one for any host, one for hosts of public gateways without a '*'."""

_lifetimes = st.one_of(
    spec(duration=st.none() | one("2160h", "9552h"), renew_before=st.none() | one("5m", "720h")),
    spec(always(duration=one("9552h"), renew_before=one("8760h"))),
    spec(always(duration=one("1h")), renew_before=st.none() | one("5m", "30m")),
)


@st.composite
def _managed(draw: st.DrawFn, *, by_page: bool) -> Values:
    settings: Values = {"issuer": draw(one(BY_RECORD, BY_PAGE)) if by_page else BY_RECORD, **draw(_lifetimes)}
    if settings["issuer"] == BY_RECORD:
        settings |= draw(spec(kind=one("ClusterIssuer", "Issuer")))
    return settings


_certificates = one("secret", "cert_manager", "both")


@st.composite
def tls(draw: st.DrawFn, secret: str, *, by_page: bool = False) -> Values:
    """`by_page`: its hosts can be proven by a page."""
    settings: Values = {**draw(_tls), **draw(_tls_versions)}
    how = draw(_certificates)
    if how != "cert_manager":
        settings["secret"] = secret
    if how != "secret":
        settings["cert_manager"] = draw(_managed(by_page=by_page))
    return settings


_https = spec(protocol=one("HTTPS"), shared_with=some("team-y", "team-z"))
_numbers = one(443, 443, 443, 1, 8443, 65535)
_rarely = one(False, False, True)


@st.composite
def listeners(draw: st.DrawFn, name: str, services: Values, *, redirect: bool) -> Values:
    """HTTPS for the gateway's domain, always; beside it other hosts, passthrough and, inside, bytes."""
    domain, internal = DOMAINS[name], KINDS[name] == "internal"
    number = draw(_numbers)
    found: Values = {
        "https": {
            "hosts": [f"*.{domain}"],
            "tls": draw(tls(f"{name}-tls")),
            **draw(_https),
            **({"port": number} if number != 443 or draw(truth) else {}),
        }
    }
    if draw(truth):
        hosts = [domain, f"www.{domain}"] if draw(truth) else [f"{name}.example.info"]
        further = draw(tls(f"{name}-further", by_page=redirect and not internal))
        asks, wildcard_asks = (one.get("client_certificates") is not None for one in (further, found["https"]["tls"]))
        if number == 443 and asks and not wildcard_asks:
            hosts = [f"{name}.example.info"]
        found["further"] = {"hosts": hosts, "tls": further}
    elsewhere = {"host": "vault.data.svc.cluster.local", "port": 8200}
    leads = [elsewhere, {"host": "a" * 63 + "." + "b" * 63 + ".svc.cluster.local", "port": draw(one(1, 65535))}]
    leads += [{"host": host, "port": port} for host, port in services.items()]
    if draw(_rarely):
        found["passed"] = {"protocol": "TLS", "hosts": [f"db.{name}.example.info"], "destination": draw(one(*leads))}
    if internal and draw(truth):
        bytes_port = draw(one(5432, 6379, *([] if redirect else [80])))
        found["bytes"] = {"protocol": "TCP", "port": bytes_port, "destination": draw(one(*leads))}
    return found


_pods = spec(
    target_cpu_percent=one(1, 70, 100),
    resources=resources,
    spread=some("zone", "node"),
    tolerations=one([], [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]),
)
_services = spec(
    type_=one(None, "LoadBalancer", "ClusterIP", "NodePort"),
    address=one(None, "203.0.113.10", "edge-address"),
    annotations=named(["example.com/team", "networking.gke.io/load-balancer-type"], one("Internal", "")),
    external_traffic_policy=one("Local", "Cluster"),
)
_ranges = spec(source_ranges=some("10.0.0.0/8", "203.0.113.0/24"))
_edge = spec(redirect_http=truth, reject_header_underscores=truth)
_keepalive = spec(keepalive=st.none() | spec(time=one("1s", "590s"), interval=one("1s", "590s"), probes=one(1, 100)))


@st.composite
def workload(draw: st.DrawFn, kind: str, *, google: bool) -> Values:
    settings: Values = draw(_pods)
    if draw(truth):
        least = draw(one(1, 2, 3, MOST))
        settings["replicas"] = {"min": least, "max": draw(one(least, max(least, 20)))}
        settings |= draw(spec(min_available=one(1, *range(least - 1, least)[: least > 1])))
    place = draw(truth)
    if place and google:
        settings["node_selector"] = {"cloud.google.com/gke-nodepool": GATEWAY_POOL}
        settings["tolerations"] = [{"key": "dedicated", "operator": "Equal", "value": "gateway"}]
    elif place:
        settings["node_selector"] = {"kubernetes.io/os": "linux"}
    service: Values = draw(_services)
    balanced = service.get("type") == "LoadBalancer" or (service.get("type") is None and kind != "egress")
    if balanced:
        service |= draw(_ranges)
    return {**settings, "service": service} if draw(truth) else settings


@st.composite
def gateways(draw: st.DrawFn, services: Values, *, google: bool) -> Values:
    """`services`: host and port of apps' Services, to which listeners of bytes may lead."""
    found: Values = {}
    for name, kind in KINDS.items():
        if name != "public" and not draw(one(True, name in ("internal", "out"), False)):
            continue
        gateway: Values = {"kind": kind}
        if name in ("partners", "out-b") or draw(_rarely):
            gateway["release"] = draw(one(f"{name}-gw", f"istio-{name}", "g" if name == "out" else f"{name[:2]}-edge"))
        if draw(_rarely):
            gateway["namespace"] = f"{name}-home"
        gateway |= draw(_edge)
        if draw(truth):
            gateway["workload"] = draw(workload(kind, google=google))
        if kind != "egress":
            gateway |= draw(_keepalive)
            service = gateway.get("workload", {}).get("service", {})
            if service.get("type") not in (None, "LoadBalancer") or service.get("source_ranges"):
                gateway |= draw(spec(trusted_proxies=one(0, 2, 10)))
            gateway["listeners"] = draw(listeners(name, services, redirect=gateway.get("redirect_http", True)))
        found[name] = gateway
    return found


def egress_gateways(declared: Values) -> list[str]:
    return [name for name, gateway in declared.items() if gateway["kind"] == "egress"]
