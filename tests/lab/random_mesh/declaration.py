"""A number becomes a declaration that the lab can run: the lab's own stack file with other apps.

Left out is what the checker does not predict, or what a lab of one node has no second half for; `docs/lab-random.md`
lists it.
"""

from __future__ import annotations

import random
from datetime import date
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from lab.workloads.tokens import ISSUER
from tests.unit.mesh import random_stacks

if TYPE_CHECKING:
    from chatgpt_mesh.stack.settings import Settings

EXAMPLES = 30
NAMESPACES = ("random-a", "random-b")
JOBS = ("random-jobs", "batch")
"""A declared caller that is no app: its namespace and service account."""
ISSUERS = (ISSUER, "https://sso.example.com", "https://partners.example.com")
KEY_SET = "$LAB_STATE/issuer/jwks.json"
INTERNAL_HOST = "internal.example.com"
CLAIM, CLAIM_VALUES = "tier", ("gold", "silver")

# Istio's own ports and the recorder's lie outside; a container without privileges may listen on all of these.
_LOWEST_PORT, _PORTS = 1024, 8000
_PLENTY = 100_000
_ANY_DAY = date(2026, 1, 1)


class _Same(HypothesisProvider):
    """Draws without the constants of whatever modules are loaded: they are others under pytest than on a command line,
    and a seed must mean the same everywhere."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS["same-for-a-seed"] = f"{__name__}.{_Same.__name__}"


def drawn(seed: int) -> dict[str, Any]:
    """The apps of a random declaration, always the same for a number; the only place that knows the generator.

    Of several examples it is the last that a client outside can ask something of: the first ones are the smallest.
    """
    examples: list[dict[str, Any]] = []

    @hypothesis.seed(seed)
    @settings(
        backend="same-for-a-seed",
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(random_stacks.stacks())
    def collect(declaration: dict[str, Any]) -> None:
        if not list(problems(MeshSpec.model_validate(declaration), _ANY_DAY)):
            examples.append(declaration["apps"])

    collect()
    return next(apps for apps in reversed(examples) if _worth_asking(apps))


def _worth_asking(apps: dict[str, Any]) -> bool:
    """Some app that asks for tokens, some app beside it, and somebody who may call one."""
    return (
        len(apps) > 1
        and any(app.get("auth") and app.get("host") for app in apps.values())
        and any(app.get("callers") for app in apps.values())
    )


def declaration(seed: int, lab: Settings) -> dict[str, Any]:
    """Settings to put over those of the lab's stack file: its apps and what speaks of them, replaced."""
    apps = surrounded(drawn(seed), random.Random(seed))  # noqa: S311 - no secret, and the same each time
    return {
        "apps": {**dict.fromkeys(lab.apps), **apps},
        "egress": {"allow": [{"host": "api.openai.com", "from": [next(iter(apps))]}]},
        "security": {"exceptions": []},
        "telemetry": {"apps": None},
        "accept": [],
    }


def surrounded(apps: dict[str, Any], choice: random.Random) -> dict[str, Any]:
    """The apps with the lab's hosts, issuers, namespaces and ports in place of the generator's."""
    homes = dict(zip(sorted({app["namespace"] for app in apps.values()}), NAMESPACES, strict=False))
    internal = [name for name, app in apps.items() if app.get("further_hosts")]
    targets = {route["to"]["app"] for app in apps.values() for route in app.get("routes", ()) if route.get("to")}
    found: dict[str, Any] = {}
    for name, app in apps.items():
        app = {**app, "namespace": homes[app["namespace"]], "service": _service(app["service"], choice)}
        if name in internal:
            # The lab's internal gateway has one host, and one host has one owner.
            mine = name == internal[0]
            app["further_hosts"] = [{"host": INTERNAL_HOST, "gateway": "internal"}] if mine else []
        if app.get("auth"):
            app["auth"] = _auth(app["auth"], choice)
        if app.get("rate_limit"):
            app["rate_limit"] = _plenty(app["rate_limit"])
        app["further_rate_limits"] = [_plenty(limit) for limit in app.get("further_rate_limits", ())]
        if app.get("rollout"):
            app["rollout"] = _rollout(app["rollout"], internal=bool(app.get("further_hosts")))
            if app["rollout"]["managed_by"] == "argo-rollouts":
                app |= _as_the_controller_left_it(app)
        app["callers"] = [_caller(caller) for caller in app.get("callers", ())]
        if not app["callers"] and not app.get("host") and name not in targets:
            # What nobody is let in to has one answer to all questions.
            path = {} if app.get("mcp") else {"paths": ["/x", "/deep/"]}
            app["callers"] = [{"namespace": JOBS[0], "service_account": JOBS[1], **path}]
        found[name] = app
    return found


def _service(service: dict[str, Any], choice: random.Random) -> dict[str, Any]:
    container = _LOWEST_PORT + service["port"] % _PORTS
    return {**service, "port": choice.choice((80, 8080, container)), "target_port": container}


def _as_the_controller_left_it(app: dict[str, Any]) -> dict[str, Any]:
    """Port and labels that are the same in every stack: the program leaves the controller's route and subsets as they
    are, so that of an app with the same name in the next stack they would still be the former's."""
    return {"service": {"port": 8080}, "versions": {version: {} for version in app["versions"]}}


def _auth(auth: dict[str, Any], choice: random.Random) -> dict[str, Any]:
    issuers = [
        {**{key: value for key, value in issuer.items() if key not in ("jwks", "jwks_uri")}, **_issuer(issuer)}
        for issuer in auth["issuers"]
    ]
    claims = {CLAIM: list(CLAIM_VALUES)} if choice.random() < 0.4 else {}
    if auth.get("tools_from") == "body":
        # The bodies of its questions are no calls.
        auth = {key: value for key, value in auth.items() if key not in ("tools", "tools_from", "anonymous")}
    return {**auth, "issuers": issuers, "claims": claims}


def _issuer(issuer: dict[str, Any]) -> dict[str, Any]:
    known = [declared["issuer"] for declared in random_stacks.ISSUERS]
    return {"issuer": ISSUERS[known.index(issuer["issuer"])], "jwks_file": KEY_SET}


def _plenty(limit: dict[str, Any]) -> dict[str, Any]:
    """A limit that no question of a test runs into."""
    found = {
        **limit,
        "requests": _PLENTY,
        "counted": "replica",
        "tools": dict.fromkeys(limit.get("tools", ()), _PLENTY),
    }
    if limit.get("tiers"):
        found["tiers"] = {**limit["tiers"], "requests": dict.fromkeys(limit["tiers"]["requests"], _PLENTY)}
    return found


def _rollout(rollout: dict[str, Any], *, internal: bool) -> dict[str, Any]:
    experiments = {
        name: experiment
        for name, experiment in rollout.get("experiments", {}).items()
        if internal or experiment.get("gateway") != "internal"
    }
    canary = rollout.get("canary")
    if canary and "pin" in canary:
        # A pin that anyone may use is a risk that a person has to accept by name.
        canary = {**canary, "pin": {**canary["pin"], "allowed": "callers"}}
    changed = {**rollout, "experiments": experiments}
    return {**changed, "canary": canary} if canary else changed


def _caller(caller: dict[str, Any]) -> dict[str, Any]:
    return {**caller, "namespace": JOBS[0], "service_account": JOBS[1]} if "service_account" in caller else caller
