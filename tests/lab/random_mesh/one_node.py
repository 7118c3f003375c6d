"""What one machine runs of a random stack: what it cannot show, or what the checker does not follow, is left out or
made harmless. `docs/lab-random.md` lists it with the reasons.
"""

from __future__ import annotations

import copy
from typing import Any

Values = dict[str, Any]

WORDS = (
    "gateways",
    "apps",
    "authorizers",
    "security",
    "egress",
    "telemetry",
    "objects",
    "rate_limit_service",
    "faults_allowed",
    "namespaces",
)
"""Settings that a random stack keeps; the rest says which cluster it runs on."""

JOBS = ("jobs", "batch")
"""A declared caller that is no app: its namespace and service account."""
ELSEWHERE = "others"
"""Namespace of other teams' workloads that a stack lets out, and that no test runs."""
FOREIGN_NAMESPACES = (JOBS[0], ELSEWHERE, "jobs-old", "by-hand")
"""Namespaces that random stacks speak of and do not make."""

KEY_SET = "$LAB_STATE/issuer/jwks.json"
CLIENT_NAME = "client.example.com"
"""The name in the certificate that clients show."""

_PLENTY = 100_000
_PATIENT = "10s"
_SHORT = frozenset({"1ms", "0.25s", "1s", "2s"})
_POD = {"cpu": "20m", "memory": "96Mi"}
_LATER = "2027-06-30"
_EVERYWHERE_ELSE = "203.0.113.7/32"


def fitted(drawn: Values, seed: int) -> Values:
    """The words of a random stack that the lab can run, as settings of a stack file."""
    found = copy.deepcopy({name: drawn[name] for name in WORDS if name in drawn})
    for gateway in found["gateways"].values():
        _gateway(gateway)
    for app in found["apps"].values():
        _app(app)
    for authorizer in found.get("authorizers", {}).values():
        _authorizer(authorizer)
    if "rate_limit_service" in found:
        # No such service runs here, so that requests pass unless they are refused for that.
        found["rate_limit_service"]["deny_when_down"] = False
        found["rate_limit_service"].pop("deployment", None)
    found["namespaces"] = {name: _namespace(one) for name, one in found.get("namespaces", {}).items()}
    for exception in found["security"].get("exceptions", ()):
        exception["until"] = _LATER
        kept = [network for network in exception["from_networks"] if not network.startswith("10.")]
        exception["from_networks"] = kept or [_EVERYWHERE_ELSE]
    own = {app["namespace"] for app in found["apps"].values()}
    for destination in found["egress"].get("allow", ()):
        destination["from"] = [_caller(one, own) for one in destination["from"]]
    return _renamed(found, _names(found, seed))


def _gateway(gateway: Values) -> None:
    gateway.pop("existing", None)
    drawn = gateway.get("workload", {})
    service = drawn.get("service", {})
    kept = {name: drawn[name] for name in ("target_cpu_percent", "spread", "tolerations") if name in drawn}
    annotations = {name: value for name, value in service.get("annotations", {}).items() if "google" not in name}
    gateway["workload"] = {
        **kept,
        "replicas": {"min": 1, "max": 1},
        "resources": dict(_POD),
        "service": {"type": "ClusterIP", "annotations": annotations},
    }
    for name, listener in gateway.get("listeners", {}).items():
        if "tls" in listener:
            _tls(name, listener["tls"])


def _tls(name: str, tls: Values) -> None:
    if tls.pop("cert_manager", None):
        tls.setdefault("secret", f"{name}-certificate")
    if tls.get("max_version") == "1.2" and not any("ECDSA" in cipher for cipher in tls.get("ciphers", ["ECDSA"])):
        # The lab's certificates are ECDSA ones.
        del tls["ciphers"]
    if (tls.get("client_certificates") or {}).get("subjects"):
        tls["client_certificates"] = {"subjects": [CLIENT_NAME]}


def _app(app: Values) -> None:
    if app.get("auth"):
        app["auth"]["issuers"] = [
            {**{name: value for name, value in issuer.items() if not name.startswith("jwks")}, "jwks_file": KEY_SET}
            for issuer in app["auth"]["issuers"]
        ]
    for limit in [app.get("rate_limit"), *app.get("further_rate_limits", ())]:
        if limit:
            _plenty(limit)
    for route in app.get("routes", ()):
        if route.get("timeout") in _SHORT:
            del route["timeout"]
        _retries(route.get("retries"))
    resilience = app.get("resilience", {})
    _retries(resilience.get("retries"))
    for pool in [resilience.get("pool"), *(version.get("pool") for version in app.get("versions", {}).values())]:
        if pool:
            _pool(pool)


def _plenty(limit: Values) -> None:
    """A limit that no question of a test runs into."""
    limit["requests"] = _PLENTY
    limit["tools"] = dict.fromkeys(limit.get("tools", ()), _PLENTY)
    if limit.get("tiers"):
        limit["tiers"]["requests"] = dict.fromkeys(limit["tiers"]["requests"], _PLENTY)


def _retries(retries: Values | None) -> None:
    if retries:
        retries.pop("per_try_timeout", None)


def _pool(pool: Values) -> None:
    for name in ("connections", "open_streams", "pending"):
        if pool.get(name) == 1:
            pool[name] = 1000
    if pool.get("connect_timeout") in _SHORT:
        pool["connect_timeout"] = _PATIENT
    pool.pop("http2", None)


def _authorizer(authorizer: Values) -> None:
    authorizer["timeout"] = _PATIENT
    body = authorizer.get("include_request_body_in_check")
    if body and body.get("max_request_bytes") == 1:
        body["max_request_bytes"] = 1024


def _namespace(namespace: Values) -> Values:
    return {name: value for name, value in namespace.items() if name in ("editors", "viewers")}


def _caller(caller: Any, own: set[str]) -> Any:
    if isinstance(caller, str) or caller["namespace"] in {*own, JOBS[0]}:
        return caller
    return {**caller, "namespace": ELSEWHERE}


def _names(found: Values, seed: int) -> dict[str, str]:
    """New names for a gateway, and for namespaces in which Argo Rollouts manages an app.

    A release that another gateway takes over would be made before it is gone, so that of the way out has one name in
    all stacks. The program leaves Argo Rollouts' routes as they were first deployed, and here nobody changes them:
    those of the stack before must not be this one's.
    """
    managed = {
        app["namespace"]
        for app in found["apps"].values()
        if app.get("rollout", {}).get("managed_by") == "argo-rollouts"
    }
    return {"out": "egress", **{name: f"{name[:58]}-{seed}" for name in managed}}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """The value with other names, wherever one is said: as a key, or as text."""
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, str):
        return value
    for old, new in names.items():
        if value == old or value.endswith(f".{old}.svc.cluster.local"):
            return value.replace(old, new)
    return value
