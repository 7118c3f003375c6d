"""Security, egress and objects by hand: what holds beside single apps."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.gateways import egress_gateways
from tests.unit.random_stacks.scalars import METHODS, NETWORKS, Values, always, one, some, spec, truth

ACCOUNTS = ({"namespace": "jobs", "service_account": "batch"}, {"namespace": "team-a", "service_account": "cron"})


@st.composite
def security(draw: st.DrawFn, apps: Values) -> Values:
    found: Values = draw(spec(mtls=one("strict")))
    places = [("legacy-job", "jobs-old"), *((name, declared["namespace"]) for name, declared in apps.items())]
    exceptions = []
    for workload, namespace in draw(some(*places, most=2)):
        exceptions += [
            {
                "workload": workload,
                "namespace": namespace,
                "port": number,
                **draw(
                    spec(
                        always(
                            until=one("2027-06-30", "2026-11-25"),
                            why=one("scraped by the platform team until it has a sidecar"),
                            from_networks=some(*NETWORKS, least=1),
                        ),
                        mode=one("permissive", "disable"),
                        paths=some("/metrics", "/healthz"),
                    )
                ),
            }
            for number in draw(some(9090, 1, 65535, 8080, least=1, most=2))
        ]
    if exceptions:
        found["exceptions"] = exceptions
    if apps and draw(truth):
        visible = some("redis.data.svc.cluster.local", "kafka.data.svc.cluster.local")
        found["visible_services"] = {draw(one(*apps)): draw(visible)}
    return found | draw(spec(unanswered_key_sets=one("ignore", "warn", "stop")))


HOSTS = ("api.openai.com", "db.example.org", "x.googleapis.com", "a" * 60 + ".example.org")
PORTS = {"tls": (443, 8443), "tcp": (5432, 3306, 6379), "http": (443, 8443, 1, 65535)}
"""Of hosts, by what apps speak there: a port carries one of the three."""


@st.composite
def destinations(draw: st.DrawFn, host: str, port: int, callers: list[object], via: list[str]) -> Values:
    """What is the same for every protocol."""
    found = {"host": host, "from": draw(some(*callers, least=1, most=3))}
    if port != 443 or draw(truth):
        found["port"] = port
    return {**found, **draw(spec(via=one(None, *via)))}


@st.composite
def originations(draw: st.DrawFn, *, gateway: bool) -> Values:
    found: Values = draw(
        spec(app_port=one(80, 8081, 1, 65535), subject_alt_names=some("alt.example.org", "api.openai.com"))
    )
    if gateway:
        found |= draw(spec(methods=some(*METHODS), paths=some("/v1/chat", "/")))
        if draw(truth):
            found |= {"credential": "partner-ca", "mutual": draw(truth)}
    return found


@st.composite
def egress(draw: st.DrawFn, apps: Values, gateways: Values) -> Values:
    ways = egress_gateways(gateways)
    found: Values = {}
    if not ways:
        found["via"] = "sidecar"
    else:
        found |= draw(spec(via=one("gateway", "sidecar")))
        if len(ways) > 1 or draw(truth):
            found["gateway"] = draw(one(*ways))
    callers: list[object] = [*apps, *ACCOUNTS]
    default = found.get("via", "gateway")
    allowed: list[Values] = []
    for host in draw(some(*HOSTS, "*.wild.example.org", "*.example.net", most=4)):
        how = draw(one("tls", "tcp", "http")) if not host.startswith("*.") else "tls"
        way = draw(one(*(["gateway", "sidecar"] if ways else ["sidecar"])))
        port = draw(one(*PORTS[how]))
        if how == "tcp":
            port = PORTS["tcp"][len(allowed) % 3]
            if any(other.get("protocol") == "tcp" and other["port"] == port for other in allowed):
                continue
        if how == "http":
            port = draw(one(*PORTS["http"]))
        one_of: Values = draw(destinations(host, port, callers, [way]))
        goes = one_of.get("via") or default
        if how == "tcp":
            one_of["protocol"] = "tcp"
        elif how == "http":
            one_of["originate_tls"] = draw(originations(gateway=goes == "gateway"))
        else:
            one_of |= draw(spec(protocol=one("tls")))
        allowed.append(one_of)
        if how == "tls" and not host.startswith("*.") and draw(truth):
            again = {**one_of, "port": next(number for number in PORTS["tls"] if number != port)}
            allowed.append(again)
    for address in draw(some("10.200.0.1", "192.168.255.254", "100.64.0.1")):
        found_by: Values = draw(destinations(address, draw(one(443, 5432, 1)), callers, ["gateway"] if ways else []))
        found_by["address"] = found_by.pop("host")
        allowed.append({**found_by, "protocol": "tcp"})
    if allowed:
        found["allow"] = allowed
    return found


BY_HAND = (
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "legacy", "namespace": "by-hand", "labels": {"team": "x"}},
        "spec": {
            "hosts": ["legacy.internal.example"],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "exportTo": ["."],
            "ports": [{"number": 8443, "name": "tls", "protocol": "TLS"}],
            "endpoints": [{"address": "10.1.2.3"}],
        },
    },
    {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": "quiet", "namespace": "by-hand"},
        "spec": {"accessLogging": [{"disabled": True, "providers": [{"name": "json-log"}]}]},
    },
    {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "allow-nothing", "namespace": "by-hand"},
    },
)

objects = some(*BY_HAND)
