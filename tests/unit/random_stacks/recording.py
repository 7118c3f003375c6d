"""Traces, access logs and metrics, and what shows them to people."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.random_stacks.scalars import MOST, Drawn, Values, always, duration, named, one, some, spec, truth

TAGS = ("tool", "client.kind", "t" * 60)
VALUES = ("search", "a/b:c+d", "9")
METRICS = (
    "ALL_METRICS",
    "REQUEST_COUNT",
    "REQUEST_DURATION",
    "REQUEST_SIZE",
    "RESPONSE_SIZE",
    "GRPC_REQUEST_MESSAGES",
    "GRPC_RESPONSE_MESSAGES",
)
FILTERS = ("request.method == 'DELETE'", "response.code >= 500 || request.path.startsWith('/x')")

backends: Drawn = st.one_of(
    st.fixed_dictionaries(
        {
            "otlp": spec(
                always(service=one("otel-collector.observability.svc.cluster.local")),
                port=one(1, 4317, 65535),
                http_path=st.none() | one("/v1/traces"),
                max_tag_length=one(1, 256, MOST),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "zipkin": spec(
                always(service=one("zipkin.observability.svc.cluster.local")),
                port=one(1, 9411, 65535),
                path=one("/api/v2/spans"),
                max_tag_length=one(1, 256, MOST),
            )
        }
    ),
)

span_tag: Drawn = st.one_of(
    spec(always(header=one("x-tenant")), default=st.none() | one("none", "n" * 500)),
    spec(always(literal=one("shop"))),
    spec(always(environment=one("ISTIO_META_CLUSTER_ID")), default=one("here")),
    spec(always(formatter=one("%RESPONSE_CODE%", "%PATH(NQ:ORIG_OR_PATH)% at %START_TIME%"))),
)

percents = one(0, 1, 100)
listed = always(values=some(*VALUES, least=1))
texts: dict[str, Drawn] = {"absent": one("unknown", "none"), "other": one("other", "rest")}
carried: dict[str, Drawn] = {"metrics": some(*METRICS, least=1)}
metric_tag: Drawn = st.one_of(
    spec({**always(header=one("x-client")), **listed}, **texts, **carried),
    spec(always(response_class=one(True)), **carried),
    spec(
        always(
            size=spec(
                always(of=one("request", "response"), buckets=one([1], [1024, 65536], [*range(1, 20), MOST])),
            )
        ),
        response_class=one(False),
        **carried,
    ),
    spec({**always(expression=one("request.method", "string(response.code)")), **listed}, **texts, **carried),
)

slow = duration("1ms", "24h", "0.25s")

selection: Drawn = st.one_of(
    spec(always(errors=one(True)), slower_than=st.none() | slow),
    spec(always(errors=one(False, True), slower_than=slow)),
)


def access_logs(**further: Drawn) -> Drawn:
    on = spec(enabled=one(True), log=selection | st.none(), filter=st.none() | one(*FILTERS), **further)
    return on | spec(always(enabled=one(False)), log=st.none(), filter=st.none(), **further)


fields = named(["peer", "bytes_sent"], one("", "%DOWNSTREAM_PEER_URI_SAN%", "100%%"))
tags = named(TAGS, span_tag)


_of_app = {
    traced: spec(
        tracing=st.none() | spec(always(sampling_percent=one(None, 0, 0.1, 100), tags=named(TAGS, span_tag, least=1)))
        if traced
        else st.none(),
        access_log=access_logs() | st.none(),
        metrics=st.none() | spec(always(tags=named(TAGS, metric_tag, least=1))),
    )
    for traced in (False, True)
}
_providers = named(["traces", "b"], backends, least=1)
_mesh_wide = spec(
    always(metrics=spec(tags=named(TAGS, metric_tag), drop=some("request_protocol", "source_version"))),
    access_log=access_logs(fields=fields),
)


@st.composite
def telemetry(draw: st.DrawFn, apps: Values) -> Values:
    found: Values = draw(_mesh_wide)
    traced = draw(one(True, True, False))
    if traced:
        found["providers"] = draw(_providers)
        found["tracing"] = draw(spec(always(provider=one(*found["providers"])), sampling_percent=percents, tags=tags))
    if apps:
        found["apps"] = draw(named(list(apps), _of_app[traced], least=draw(one(0, 1))))
    return found


urls = one("http://prometheus.observability:9090", "https://metrics.observability.svc:443/prom")


@st.composite
def kiali(draw: st.DrawFn) -> Values:
    found: Values = draw(
        spec(
            always(version=one("2.21.0"), prometheus=urls, view_only=truth),
            repository=one("https://kiali.org/helm-charts"),
            namespace=one("kiali", "seen"),
            tracing=st.none() | urls,
        )
    )
    if draw(truth):
        provider = spec(
            always(issuer=one("https://id.example.com"), client_id=one("kiali")), username_claim=one("sub", "email")
        )
        return {**found, "login": "openid", "openid": draw(provider)}
    return {**found, **draw(spec(login=one("token"), openid=st.none()))}


_told: dict[str, Drawn] = {
    "objective_percent": one(90, 99.5, 99.999),
    "certificate_days": one(1, 14, 60),
    "exception_days": one(1, 14, 60),
    "time_divisor": one(1, 60, 300),
    "labels": named(["release", "team"], one("prometheus", "mesh")),
}
alerts: Drawn = st.one_of(
    spec(always(namespace=one("monitoring")), format=one("prometheus_operator"), **_told),
    spec(always(format=one("managed_prometheus")), namespace=st.none(), **_told),
)

scraped: Drawn = spec(interval=duration("5s", "60s", "30s"), every_metric=truth)


@st.composite
def watched(draw: st.DrawFn, found: Values) -> Values:
    """A stack with alerts and what dashboards read; drawn last, so that seeds stand for the stacks that they did."""
    metrics = draw(spec(refusals=truth, tools=truth, proxies=truth))
    told = draw(spec(alerts=st.none() | alerts))
    if told.get("alerts"):
        # Somebody has to say when certificates end.
        metrics["proxies"] = True
    telemetry = dict(found.get("telemetry") or {})
    telemetry["metrics"] = {**(telemetry.get("metrics") or {}), **metrics}
    if "tools" in metrics:
        # As another setting was drawn: one draw more, and seeds would stand for other stacks.
        telemetry["access_log"] = {**(telemetry.get("access_log") or {}), "mcp": metrics["tools"]}
    observed = {**(found.get("observability") or {}), **told}
    cluster = dict(found.get("cluster") or {})
    google = cluster.get("kind") == "gke"
    asked = draw(spec(**({} if _of_operator(told) else {"managed_prometheus": st.none() | scraped})))
    if google:
        seen = {**(cluster.get("observability") or {}), **draw(spec(managed_opentelemetry=truth))}
        if asked.get("managed_prometheus") is not None:
            # Somebody has to read PodMonitorings.
            seen["managed_prometheus"] = True
        cluster["observability"] = seen
        found = {**found, "cluster": cluster}
    observed |= asked
    if not told.get("alerts") and asked.get("managed_prometheus") is None and draw(truth):
        observed |= _fitting(observed, draw(_installed))
        if observed.get("kiali"):
            # It reads the Prometheus of this stack where it is told of no other.
            observed["kiali"] = {**observed["kiali"], **draw(spec(prometheus=st.none()))}
        # Last, as all of this is.
        observed |= draw(_spans | st.just({}))
        if observed.get("alerts"):
            telemetry["metrics"]["proxies"] = True
    return {**found, "telemetry": telemetry, **({"observability": observed} if observed else {})}


_asked: dict[str, Drawn] = {"cpu": one("100m"), "memory": one("256Mi"), "cpu_limit": st.none() | one("2")}
_ample = st.none() | one("1Gi")
_chart_resources = spec(**_asked, memory_limit=_ample)
_volume: dict[str, Drawn] = {"storage": one("1Gi", "50Gi"), "storage_class": st.none() | one("standard-rwo")}
_prometheus = spec(
    always(version=one("25.0.0", "27.19.0")),
    repository=one("https://prometheus-community.github.io/helm-charts"),
    namespace=one("mesh-prometheus", "metrics"),
    interval=duration("5s", "60s", "30s"),
    every_metric=truth,
    retention_days=one(3, 15, 400),
    alertmanager=st.none() | one("alertmanager.monitoring:9093"),
    resources=spec(
        cpu=one("1"), memory=one("1Gi"), cpu_limit=st.none() | one("2"), memory_limit=st.none() | one("4Gi")
    ),
    **_volume,
)
_grafana = spec(
    always(version=one("8.0.0", "9.3.0")),
    repository=one("https://grafana.github.io/helm-charts"),
    admin_secret=one("grafana-admin", "people"),
    resources=_chart_resources,
    **_volume,
)
_login_of: dict[str, Drawn] = {
    "namespace": one("mesh-login", "people"),
    "image": one("quay.io/oauth2-proxy/oauth2-proxy:v7.15.6"),
    "port": one(1, 4180, 65535),
    "secret": one("mesh-login", "sso"),
    "groups_claim": one("groups", "roles"),
    "scopes": one(["openid", "email"], ["openid", "email", "groups"]),
    "session": duration("5m", "24h", "8h"),
    "replicas": one(1, 2, 5),
    # Within the limit that it has where none is said.
    "resources": spec(cpu=one("100m"), memory=one("96Mi"), cpu_limit=st.none() | one("2"), memory_limit=_ample),
}
_somebody = {"issuer": one("https://sso.example.com", "https://sso.example.com:8443/a"), "client_id": one("mesh")}
_login = spec(
    always(email_domains=one(["example.com"]), **_somebody), groups=some("platform", "sre"), **_login_of
) | spec(
    always(groups=one(["platform"]), url=one("https://mesh.example.com"), **_somebody),
    email_domains=some("example.com"),
    from_namespaces=some("istio-ingress", "edge"),
    **_login_of,
)
_installed: Drawn = spec(
    always(prometheus=_prometheus, grafana=spec(always(install=_grafana, namespace=one("mesh-grafana")))),
    login=st.none() | _login,
    alerts=st.none() | spec(always(format=one("prometheus"))),
)
_traces = spec(
    always(version=one("1.20.0", "1.25.1")),
    repository=one("https://grafana-community.github.io/helm-charts"),
    namespace=one("mesh-traces", "spans"),
    retention_days=one(1, 7, 90),
    resources=_chart_resources,
    **_volume,
)
_collector_of: dict[str, Drawn] = {
    "repository": one("https://open-telemetry.github.io/opentelemetry-helm-charts"),
    "namespace": one("mesh-collector", "collecting"),
    "http": truth,
    "zipkin": truth,
    "replicas": one(1, 2, 10),
    "resources": spec(**_asked, memory_limit=one("1Gi")),
}
_version = {"version": one("0.110.0", "0.158.3")}
_spans: Drawn = st.one_of(
    spec(always(traces=_traces, collector=spec(always(**_version), endpoint=st.none(), **_collector_of))),
    spec(
        always(collector=spec(always(endpoint=one("https://otlp.example.com:4317"), **_version), **_collector_of)),
        traces=st.none(),
    ),
)


def _fitting(observed: Values, installed: Values) -> Values:
    """With what of Grafana was drawn before."""
    return {**installed, "grafana": {**(observed.get("grafana") or {}), **installed["grafana"]}}


def _of_operator(told: Values) -> bool:
    return bool(told.get("alerts")) and told["alerts"].get("format") != "managed_prometheus"


observability: Drawn = spec(
    kiali=st.none() | kiali(),
    grafana=st.none()
    | spec(
        always(namespace=one("monitoring")),
        label=one("g", "grafana_dashboard"),
        internal_url=st.none() | urls,
        external_url=st.none() | one("https://grafana.example.com"),
    ),
)
