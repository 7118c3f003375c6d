"""How connections are made: a DestinationRule's traffic policies, and a Sidecar's connection pools."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, among, at_least, between, each, one_of, problem, unsigned, whole
from meshlint.validation.localities import LOCALITY_SETTING, ZONE_AWARE_SETTING
from meshlint.validation.values import any_duration, duration, fqdn, is_address, nanoseconds, port

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json

COUNT = whole(0)


def _has_interval_and_timeout(value: Json) -> Problems:
    found = NONE
    for name in ("interval", "timeout"):
        if name not in value:
            found += problem(f"has no {name}", f"write {name}, as in 30s")
    return found


def _protocol_of_client(value: Json) -> Problems:
    if value.get("h2UpgradePolicy") == "UPGRADE" and value.get("useClientProtocol"):
        return problem(
            "takes the client's protocol and upgrades it as well", "keep h2UpgradePolicy or useClientProtocol"
        )
    return NONE


def _idle_timeout(value: str) -> Problems:
    # Less than a millisecond is taken for 0, which means no limit.
    length = nanoseconds(value)
    return NONE if length is not None and abs(length) < 10**6 else duration(value)


def _not_empty(value: Json) -> Problems:
    if "http" in value or "tcp" in value:
        return NONE
    return problem("has neither http nor tcp", "write one, or remove it")


CONNECTION_POOL = Message(
    {
        "http": Message(
            {
                "http1MaxPendingRequests": COUNT,
                "http2MaxRequests": COUNT,
                "maxRequestsPerConnection": COUNT,
                "maxRetries": COUNT,
                "maxConcurrentStreams": COUNT,
                "idleTimeout": duration,
                "http2KeepAlive": Message({"interval": duration, "timeout": duration}, _has_interval_and_timeout),
            },
            _protocol_of_client,
        ),
        "tcp": Message(
            {
                "maxConnections": COUNT,
                "connectTimeout": duration,
                "maxConnectionDuration": duration,
                "idleTimeout": _idle_timeout,
                "tcpKeepalive": Message({"time": duration, "interval": duration, "probes": unsigned}),
            }
        ),
    },
    _not_empty,
)


def _local_failures_are_told_apart(value: Json) -> Problems:
    if value.get("consecutiveLocalOriginFailures") and not value.get("splitExternalLocalOriginErrors"):
        what = "counts failures of local origin, and splitExternalLocalOriginErrors does not tell them apart"
        return problem(what, "set splitExternalLocalOriginErrors: true, or remove consecutiveLocalOriginFailures")
    return NONE


PERCENT = between(0, 100)

OUTLIER_DETECTION = Message(
    {
        "baseEjectionTime": duration,
        "interval": duration,
        "maxEjectionPercent": PERCENT,
        "minHealthPercent": PERCENT,
        "consecutive5xxErrors": unsigned,
        "consecutiveGatewayErrors": unsigned,
        "consecutiveLocalOriginFailures": unsigned,
        "outlierDetectionHttpErrorCodes": each(between(100, 599)),
    },
    _local_failures_are_told_apart,
)


def _is_prime(value: int) -> bool:
    return value in (1, 2) or (value % 2 == 1 and all(value % factor for factor in range(3, isqrt(value) + 1, 2)))


def _table(value: Json) -> Problems:
    size = value.get("tableSize", 0)
    if 0 < size < 5_000_011 and _is_prime(size):
        return NONE
    return problem(f"is {size}, no prime number below 5000011", "write for example 65537", "tableSize")


def _cookie(value: Json) -> Problems:
    found = NONE if value.get("name") else problem("has no name", "name the cookie")
    seen: set[str] = set()
    for position, attribute in enumerate(value.get("attributes", ())):
        name = attribute.get("name", "")
        if not name:
            found += problem("has no name", "name the attribute", "attributes", position)
        elif name in seen:
            found += problem(f"is {name!r}, which is there before", "write it once", "attributes", position, "name")
        seen.add(name)
    return found


def _one_algorithm(value: Json) -> Problems:
    if value.get("minimumRingSize") and ("ringHash" in value or "maglev" in value):
        return problem("has minimumRingSize and an algorithm", "write ringHash.minimumRingSize alone")
    return NONE


def _aggression(value: float) -> Problems:
    return (
        NONE
        if value > 0
        else problem(f"is {value}, not above 0", "write 1 for an even warm-up, more for a slower start")
    )


def _has_duration(value: Json) -> Problems:
    return NONE if "duration" in value else problem("has no duration", "write duration, as in 60s")


LOAD_BALANCER = Message(
    {
        "consistentHash": Message(
            {
                "httpCookie": Message({"ttl": any_duration}, _cookie),
                "maglev": _table,
                "minimumRingSize": at_least(0),
                "ringHash": Message({"minimumRingSize": at_least(0)}),
            },
            one_of("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"),
            one_of("ringHash", "maglev"),
            _one_algorithm,
        ),
        "localityLbSetting": LOCALITY_SETTING,
        "zoneAwareLbSetting": ZONE_AWARE_SETTING,
        "warmup": Message({"duration": duration, "minimumPercent": PERCENT, "aggression": _aggression}, _has_duration),
        "warmupDurationSecs": duration,
    },
    one_of("simple", "consistentHash"),
    one_of("localityLbSetting", "zoneAwareLbSetting"),
)


def _client_tls(value: Json) -> Problems:
    mode = value.get("mode", "DISABLE")
    found = NONE
    if value.get("insecureSkipVerify") and mode in ("SIMPLE", "MUTUAL"):
        checks = ["caCertificates", "credentialName"] if mode == "SIMPLE" else ["caCertificates"]
        named = [name for name in checks if value.get(name)] + ["subjectAltNames"] * ("subjectAltNames" in value)
        for name in named:
            what = f"checks the server's certificate by {name}, and insecureSkipVerify checks nothing"
            found += problem(what, "remove insecureSkipVerify")
    if mode in ("SIMPLE", "MUTUAL") and value.get("credentialName"):
        for name in ("clientCertificate", "caCertificates", "privateKey", "caCrl"):
            if value.get(name):
                found += problem(f"has {name} beside credentialName, which brings it", "keep one of them", name)
        return found
    if mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not value.get(name):
                found += problem(f"is MUTUAL without {name}", "add credentialName, or clientCertificate and privateKey")
    return found


def _target_host(value: str) -> Problems:
    if is_address(value):
        return NONE
    return fqdn(value)


TRAFFIC_POLICY = {
    "connectionPool": CONNECTION_POOL,
    "outlierDetection": OUTLIER_DETECTION,
    "loadBalancer": LOAD_BALANCER,
    "tls": _client_tls,
}


PORT_POLICY = {**TRAFFIC_POLICY, "port": Message({"number": unsigned})}


def _has_a_setting(*names: str) -> Check:
    def check(value: Json) -> Problems:
        if any(name in value for name in names):
            return NONE
        return problem("sets nothing", f"set one of {', '.join(names)}, or remove it")

    return check


def _has_port(value: Json) -> Problems:
    return NONE if "port" in value else problem("has no port", "write port: {number: 8080}")


def _one_tunnel(value: Json) -> Problems:
    if "tunnel" in value and "proxyProtocol" in value:
        return problem("has tunnel and proxyProtocol", "keep one of them")
    return NONE


POLICY = Message(
    {
        **TRAFFIC_POLICY,
        "portLevelSettings": each(Message(PORT_POLICY, _has_port, _has_a_setting(*TRAFFIC_POLICY))),
        "tunnel": Message({"protocol": among("", "CONNECT", "POST"), "targetHost": _target_host, "targetPort": port}),
        "retryBudget": Message({"percent": PERCENT, "minRetryConcurrency": unsigned, "budgetInterval": any_duration}),
    },
    _has_a_setting(*TRAFFIC_POLICY, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget"),
    _one_tunnel,
)
"""A TrafficPolicy: of a whole DestinationRule, or of a subset."""
