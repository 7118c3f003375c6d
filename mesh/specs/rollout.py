"""Versions of an app and how traffic is divided between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs import hand_off, rollout_steps
from chatgpt_mesh.mesh.specs.dates import NOTICE, from_today, too_far
from chatgpt_mesh.mesh.specs.declared import listed
from chatgpt_mesh.mesh.specs.load_balancing import LoadBalancingSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.resilience import OutlierSpec, PoolSpec
from chatgpt_mesh.mesh.specs.rollout_steps import StepsSpec
from chatgpt_mesh.mesh.specs.spec import Date, DnsLabel, HeaderName, Labels, Many, Spec
from chatgpt_mesh.mesh.specs.words import ClaimName, ClaimValue, CookieName, HeaderWord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from chatgpt_mesh.mesh.specs.auth import AuthSpec


class PinSpec(Spec):
    """A mark on a request that always leads to one version. Exactly one of header and cookie."""

    header: HeaderName | None = None
    """A request header."""
    cookie: CookieName | None = None
    """A cookie."""
    value: HeaderWord = "true"
    """The value that the header or cookie must have."""
    allowed: Literal["anyone", "callers"] = "callers"
    """anyone: also clients of the gateways. callers: only the app's callers in the mesh; a gateway strips the header
    and ignores the cookie."""


class VersionSpec(Spec):
    """One version: a subset of the app's pods."""

    labels: Labels = {}
    """Labels that its pods carry beside the app's. Default: version=NAME."""
    pool: PoolSpec | None = None
    """Pools of this version, complete: nothing is taken from the app's. Default: the app's."""
    outlier: OutlierSpec | None = None
    """Ejection for this version, complete. Default: the app's."""
    load_balancing: LoadBalancingSpec | None = None
    """Load balancing of this version, complete. Default: the app's."""
    pin: PinSpec | None = None
    """A mark that always leads to this version, whatever weights and experiments say. Each version, the stable one
    included, may have its own, such as another value of one header."""
    open_sessions: Literal["keep", "end"] | None = None
    """What becomes of open MCP sessions when no share leads to this version any more. keep: they go on until the
    version is removed here, and whoever writes its name into a session id reaches it, pin or not. end: 404, with which
    a client begins anew at another version. Default: keep for the stable version, end for every other."""
    open_sessions_until: Date | None = None
    """Last day on which open sessions are kept; after it the program stops, until the version is removed, says
    open_sessions: end, or has another date. Default: no day."""


class CanaryConfig(Spec):
    """The version on trial."""

    version: DnsLabel
    """A version of `versions`, other than the stable one."""
    percent: int = Field(default=5, ge=0, le=100)
    """Share of requests, a whole number as Istio's weights are."""
    max_step: int = Field(default=50, ge=1, le=100)
    """Most that `percent` may be raised by at once; the program compares it with `from_percent`."""
    from_percent: int | None = Field(default=None, ge=0, le=100)
    """The share before this change; given, `percent` may exceed it by `max_step` at most."""
    pin: PinSpec | None = None
    """A mark that always leads to the canary."""
    steps: StepsSpec | None = None
    """The way to all traffic, which `python -m mesh rollout` goes while Prometheus agrees. Default: by hand."""


class ClaimAudience(Spec):
    """Users whose verified token says so."""

    name: ClaimName
    """A claim of the token, such as org."""
    values: Many[ClaimValue]
    """Values of which the claim must be, or contain, one."""


class ExperimentSpec(Spec):
    """A share of one audience. The audience is decided by what a client cannot write: a verified claim, or the
    gateway it comes through."""

    version: DnsLabel
    """A version of `versions`."""
    percent: int = Field(default=100, ge=1, le=100)
    """Share of the audience's requests; the rest goes to the stable version."""
    claim: ClaimAudience | None = None
    """The audience by a claim of the token. Exactly one of claim and gateway."""
    gateway: DnsLabel | None = None
    """The audience by gateway: everybody who comes through it."""


class RolloutSpec(Spec):
    """The division of traffic between versions."""

    stable: DnsLabel
    """The version that serves everybody else."""
    canary: CanaryConfig | None = None
    """The version on trial."""
    experiments: dict[DnsLabel, ExperimentSpec] = {}
    """A/B tests by audience, tried in this order, before the canary's share."""
    managed_by: Literal["stack", "flagger", "argo-rollouts"] = "stack"
    """Who moves the weights. flagger makes the VirtualService and DestinationRule itself, so none is emitted; for
    argo-rollouts the weighted route is a VirtualService of its own, of which only the first content is written."""


def problems(
    path: str,
    rollout: RolloutSpec,
    versions: Mapping[str, VersionSpec],
    *,
    auth: AuthSpec | None,
    gateways: Sequence[str],
    routes: bool,
    sessions: bool,
) -> Iterator[Problem]:
    """`auth`: the tokens that the app asks for; `gateways`: those it is on; `routes`: it has further paths;
    `sessions`: its MCP endpoint keeps some."""
    known = listed(versions)
    named = [(f"{path}.stable", rollout.stable)]
    if rollout.canary is not None:
        named.append((f"{path}.canary.version", rollout.canary.version))
    named += [(f"{path}.experiments.{name}.version", e.version) for name, e in rollout.experiments.items()]
    for version_path, version in named:
        if version not in versions:
            yield Problem(version_path, f"is not a declared version; versions declares: {known}", version)
    if rollout.canary is not None:
        yield from _canary_problems(f"{path}.canary", rollout.canary, rollout.stable)
        if rollout.canary.steps is not None:
            yield from _steps_problems(f"{path}.canary", rollout, rollout.canary, rollout.canary.steps, versions)
    yield from _pin_problems(path, rollout, versions)
    if rollout.managed_by == "flagger":
        for place, _, _ in pins(rollout, versions):
            if place.startswith("versions."):
                where = f"{path.removesuffix('.rollout')}.{place}"
                yield Problem(where, "flagger decides the routes, and knows no pins of versions; remove it")
    for name, experiment in rollout.experiments.items():
        yield from _experiment_problems(f"{path}.experiments.{name}", experiment, auth=auth, gateways=gateways)
    yield from _audience_problems(f"{path}.experiments", rollout.experiments)
    yield from _hand_off_problems(path, rollout, versions, routes=routes)
    for name, version in versions.items():
        for field in ("open_sessions", "open_sessions_until"):
            if getattr(version, field) is not None:
                at = f"{path.removesuffix('.rollout')}.versions.{name}.{field}"
                yield from _open_session_problems(at, rollout, sessions=sessions)


def counted_as(name: str, version: VersionSpec) -> str | None:
    """What proxies report as `destination_version`: the label `version` of the pods."""
    return version.labels.get("version") if version.labels else name


def told_apart(rollout: RolloutSpec, canary: CanaryConfig, versions: Mapping[str, VersionSpec]) -> bool:
    """Whether proxies report the canary and the stable version by labels of their own."""
    labels = {counted_as(name, versions[name]) for name in (rollout.stable, canary.version)}
    return None not in labels and len(labels) == 2


def keeps_open_sessions(rollout: RolloutSpec, name: str, version: VersionSpec) -> bool:
    """Whether sessions of a version go on without a share of new ones."""
    return version.open_sessions == "keep" or (version.open_sessions is None and name == rollout.stable)


def _open_session_problems(path: str, rollout: RolloutSpec, *, sessions: bool) -> Iterator[Problem]:
    if not sessions:
        yield Problem(path, "is about MCP sessions, and this app keeps none; remove it, or mcp.stateless")
    elif rollout.managed_by == "argo-rollouts":
        yield Problem(
            path,
            "is decided by argo-rollouts, which moves the weights: a session ends with its pod; remove it",
        )


def dated_problems(
    path: str, rollout: RolloutSpec, versions: Mapping[str, VersionSpec], today: date
) -> Iterator[Problem]:
    """Days until which sessions are kept: past, years away, or of sessions that are not kept."""
    for name, version in versions.items():
        until, where = version.open_sessions_until, f"{path}.versions.{name}.open_sessions_until"
        if until is None:
            continue
        if not keeps_open_sessions(rollout, name, version):
            yield Problem(where, "is a day for sessions that are kept; write open_sessions: keep, or remove it")
        elif until < today:
            yield Problem(
                where,
                "has passed; remove the version, or write open_sessions: end, which answers its open sessions 404, or "
                "move the date with a reason",
                until.isoformat(),
            )
        elif refusal := too_far(until, today):
            yield Problem(where, refusal, until.isoformat())


def _audience_problems(path: str, experiments: Mapping[str, ExperimentSpec]) -> Iterator[Problem]:
    """Experiments are tried in their order, so one whose whole audience has gone before gets nobody."""
    taken: dict[tuple[str, str], str] = {}
    for name, experiment in experiments.items():
        audience = [("gateway", experiment.gateway)] if experiment.gateway is not None else []
        if experiment.claim is not None:
            audience += [(experiment.claim.name, value) for value in experiment.claim.values]
        firsts = [taken.setdefault(part, name) for part in audience]
        if firsts and name not in firsts:
            yield Problem(
                f"{path}.{name}",
                f"has no audience left: {path.rpartition('.')[2]}.{firsts[0]} is tried first and takes it; give one of "
                "them another",
            )


def warnings(
    path: str,
    rollout: RolloutSpec | None,
    versions: Mapping[str, VersionSpec],
    today: date,
    *,
    labels: Mapping[str, str],
    declared: Collection[str],
    authenticated: bool,
    sessions: bool,
) -> Iterator[Problem]:
    """What the one who moves the weights cannot carry, and what becomes of sessions that are open. `labels`: of the
    app's pods; `declared`: the fields of the app that somebody has written; `sessions`: its MCP endpoint keeps some."""
    if rollout is None:
        return
    yield from _ending_soon(path, versions, today)
    if sessions and rollout.managed_by == "stack":
        yield from _told_of_open_sessions(path, rollout, versions)
    if rollout.managed_by == "flagger":
        yield from hand_off.flagger_warnings(path, labels, declared, authenticated=authenticated, sessions=sessions)


def _ending_soon(path: str, versions: Mapping[str, VersionSpec], today: date) -> Iterator[Problem]:
    for name, version in versions.items():
        until = version.open_sessions_until
        if until is not None and 0 <= (until - today).days <= NOTICE.days:
            yield Problem(
                f"{path.removesuffix('.rollout')}.versions.{name}.open_sessions_until",
                f"the time for its open sessions ends {from_today(until, today)}; after that the program stops",
                until.isoformat(),
            )


def _told_of_open_sessions(path: str, rollout: RolloutSpec, versions: Mapping[str, VersionSpec]) -> Iterator[Problem]:
    """Only where a share says that it is meant: 0 or 100 of a canary."""
    canary = rollout.canary
    if canary is None or canary.percent not in (0, 100) or not {canary.version, rollout.stable} <= versions.keys():
        return
    name = canary.version if canary.percent == 0 else rollout.stable
    where = f"{path.removesuffix('.rollout')}.versions.{name}"
    if keeps_open_sessions(rollout, name, versions[name]):
        until = versions[name].open_sessions_until
        end = "it is removed from versions" if until is None else f"the end of {until}"
        yield Problem(where, f"begins no MCP sessions any more, and those that are open go on until {end}")
    else:
        yield Problem(
            where, "begins no MCP sessions for everybody, and those of everybody end: 404, and clients begin anew"
        )


def _canary_problems(path: str, canary: CanaryConfig, stable: str) -> Iterator[Problem]:
    if canary.version == stable:
        yield Problem(f"{path}.version", "is the stable version; a canary is another one", canary.version)
    if canary.from_percent is not None and canary.percent - canary.from_percent > canary.max_step:
        yield Problem(
            f"{path}.percent",
            f"goes up by {canary.percent - canary.from_percent} from {canary.from_percent}, more than "
            f"max_step {canary.max_step}; "
            f"go to {canary.from_percent + canary.max_step} first",
            canary.percent,
        )


def _steps_problems(
    path: str, rollout: RolloutSpec, canary: CanaryConfig, steps: StepsSpec, versions: Mapping[str, VersionSpec]
) -> Iterator[Problem]:
    by_hand = canary.from_percent is not None
    at = f"{path}.steps"
    yield from rollout_steps.problems(
        at, steps, managed_by=rollout.managed_by, max_step=canary.max_step, stepped_by_hand=by_hand
    )
    if {canary.version, rollout.stable} <= versions.keys():
        yield from rollout_steps.comparison_problems(at, steps, told_apart=told_apart(rollout, canary, versions))


def pins(rollout: RolloutSpec, versions: Mapping[str, VersionSpec]) -> list[tuple[str, str, PinSpec]]:
    """Every pin in the order in which they are tried: its place below the app, the version, the pin."""
    canary = rollout.canary
    found = [("rollout.canary.pin", canary.version, canary.pin)] if canary and canary.pin else []
    return found + [(f"versions.{name}.pin", name, spec.pin) for name, spec in versions.items() if spec.pin is not None]


def _pin_problems(path: str, rollout: RolloutSpec, versions: Mapping[str, VersionSpec]) -> Iterator[Problem]:
    app = path.removesuffix(".rollout")
    marks: dict[tuple[str | None, str | None, str], tuple[str, str]] = {}
    allowed: dict[str, tuple[str, str]] = {}
    for place, version, pin in pins(rollout, versions):
        at = f"{app}.{place}"
        if (pin.header is None) == (pin.cookie is None):
            yield Problem(at, "needs exactly one of header and cookie")
            continue
        if pin.cookie is not None and ";" in pin.value:
            yield Problem(f"{at}.value", "must not hold ';', which ends a cookie", pin.value)
        first, leads_to = marks.setdefault((pin.header, pin.cookie, pin.value), (place, version))
        if leads_to != version:
            yield Problem(f"{at}.value", f"leads to {leads_to} already, by {first}; choose another value", pin.value)
        if pin.header is not None:
            other, who = allowed.setdefault(pin.header, (place, pin.allowed))
            if who != pin.allowed:
                yield Problem(
                    f"{at}.allowed",
                    f"is {who} for this header in {other}, and a gateway takes a header away or leaves it; say the "
                    "same in both, or choose another header",
                    pin.allowed,
                )


def _experiment_problems(
    path: str, experiment: ExperimentSpec, *, auth: AuthSpec | None, gateways: Sequence[str]
) -> Iterator[Problem]:
    if (experiment.claim is None) == (experiment.gateway is None):
        yield Problem(path, "needs exactly one audience: claim (verified by the token) or gateway")
    if experiment.claim is not None:
        yield from _claim_problems(f"{path}.claim", experiment.claim, auth)
    if experiment.gateway is not None and experiment.gateway not in gateways:
        yield Problem(
            f"{path}.gateway",
            f"this app is not on that gateway; it is on: {listed(gateways)}",
            experiment.gateway,
        )


def _claim_problems(path: str, claim: ClaimAudience, auth: AuthSpec | None) -> Iterator[Problem]:
    """A claim that the app asks for itself: a route compares a claim once, so that the audience's would be the only
    comparison, and let in whom the app does not."""
    if claim.name in ("iss", "aud"):
        yield Problem(f"{path}.name", "decides whether the token is good at all; choose another claim", claim.name)
    if not claim.values:
        yield Problem(f"{path}.values", "is empty; list the values that belong to the audience")
    if auth is None:
        yield Problem(path, "is known only from a verified token; declare auth for this app", claim.name)
        return
    decided = {issuer.audience_claim for issuer in auth.issuers} - {"aud"}
    rules = auth.rules
    decided.update(name for rule in rules if rule.scopes or auth.tools for name in rule.scope_claims)
    if claim.name in decided:
        yield Problem(f"{path}.name", "decides who is let in at all; choose another claim", claim.name)
        return
    accepted = [dict(rule.claims).get(claim.name) for rule in rules]
    let_in = {value for values in accepted for value in values or ()}
    if rules and None not in accepted and (beyond := sorted({*claim.values} - let_in)):
        yield Problem(f"{path}.values", f"are not let in: auth.claims accepts {listed(sorted(let_in))}", beyond[0])


def _hand_off_problems(
    path: str, rollout: RolloutSpec, versions: Mapping[str, VersionSpec], *, routes: bool
) -> Iterator[Problem]:
    if rollout.managed_by == "argo-rollouts" and rollout.canary is None:
        yield Problem(
            f"{path}.canary", "is missing; argo-rollouts moves weight between the stable and the canary version"
        )
    elif rollout.managed_by == "argo-rollouts" and rollout.canary is not None:
        labels = {name: version.labels for name, version in versions.items()}
        app = path.removesuffix(".rollout")
        yield from hand_off.role_problems(app, rollout.stable, rollout.canary.version, labels)
    if rollout.managed_by == "flagger":
        declared = [name for name in ("canary", "experiments") if getattr(rollout, name)]
        yield from hand_off.flagger_problems(path, declared, routes=routes)
