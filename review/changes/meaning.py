"""Settings whose change has a meaning that its path does not say: limits, hosts, egress, exceptions, sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.objects.rollout import shares
from chatgpt_mesh.mesh.specs.rollout import keeps_open_sessions
from chatgpt_mesh.mesh.specs.spec import duration_text
from chatgpt_mesh.review.changes.sentence import Sentence, Topic, listed_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.egress import DestinationSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec
    from chatgpt_mesh.mesh.specs.security import MtlsExceptionSpec
    from chatgpt_mesh.stack.settings import Settings


def meanings(before: Settings, now: Settings) -> Iterator[Sentence]:
    """In the order of the declaration."""
    for teller in _TELLERS:
        yield from teller(before, now)


def _apps(before: Settings, now: Settings) -> Iterator[Sentence]:
    for name in dict.fromkeys([*before.apps, *now.apps]):
        old, new = before.apps.get(name), now.apps.get(name)
        if old is None and new is not None:
            text = f"App {name} is new in {new.namespace}{_served_at(new)}."
            yield Sentence(Topic.EDGE, text, tells=(f"apps.{name}",))
        elif new is None and old is not None:
            ended = ", and the open sessions there end" if old.mcp is not None and old.mcp.keeps_sessions else ""
            yield Sentence(Topic.EDGE, f"App {name} is gone{_served_at(old)}{ended}.", tells=(f"apps.{name}",))
        elif old is not None and new is not None and old != new:
            yield from _hosts(old, new)
            yield from _limits(old, new)
            yield from _tools(old, new)
            yield from _versions(old, new)


def _served_at(app: AppSpec) -> str:
    at = listed_words(f"{exposure.host} (gateway {exposure.gateway})" for exposure in app.exposures)
    return f", at {at}" if app.exposures else ", without a host"


def _hosts(old: AppSpec, new: AppSpec) -> Iterator[Sentence]:
    was = {exposure.host: exposure for exposure in old.exposures}
    is_ = {exposure.host: exposure for exposure in new.exposures}
    tells = tuple(f"{new.declared_at}.{field}" for field in ("host", "gateway", "further_hosts"))
    for host in dict.fromkeys([*was, *is_]):
        if host not in was:
            leads = "redirects to it" if is_[host].redirect else "serves it"
            yield Sentence(
                Topic.EDGE, f"{new.name} gets the host {host}: gateway {is_[host].gateway} {leads}.", False, tells
            )
        elif host not in is_:
            text = f"{new.name} loses the host {host} at gateway {was[host].gateway}."
            yield Sentence(Topic.EDGE, text, tells=tells)
        elif was[host].gateway != is_[host].gateway:
            text = f"{host} of {new.name} moves from gateway {was[host].gateway} to {is_[host].gateway}."
            yield Sentence(Topic.EDGE, text, tells=tells)


def _limit(limit: RateLimitSpec) -> str:
    each = {"subject": "for each subject", "address": "for each address", "app": "for everybody together"}[limit.per]
    more = (
        [f"{number} with {limit.tiers.claim} {value}" for value, number in limit.tiers.requests.items()]
        if limit.tiers
        else []
    )
    more += [f"{number} calls of {tool}" for tool, number in limit.tools.items()]
    beside = f" ({', '.join(more)})" if more else ""
    counted = {"replica": "per gateway replica", "gateway": "per gateway", "global": "exactly"}[limit.counted]
    return f"{limit.requests} requests in {duration_text(limit.every)} {each}{beside}, counted {counted}"


def _limits(old: AppSpec, new: AppSpec) -> Iterator[Sentence]:
    was = {path: limit for _, path, limit in old.limits}
    is_ = {path: limit for _, path, limit in new.limits}
    for path in dict.fromkeys([*was, *is_]):
        before, now = was.get(path), is_.get(path)
        place = path.replace(".further_rate_limits.", ".further_rate_limits[") + ("]" if "further" in path else "")
        if before == now:
            continue
        if now is None:
            text = f"{new.name} has no limit of {_limit(before)} any more." if before else ""
        else:
            text = f"{new.name} takes {_limit(now)}; it was {_limit(before) if before else 'not limited so'}."
        yield Sentence(Topic.LIMITS, text, tells=(place,))


def _tools(old: AppSpec, new: AppSpec) -> Iterator[Sentence]:
    was = old.auth.tools if old.auth else {}
    is_ = new.auth.tools if new.auth else {}
    for tool in dict.fromkeys([*was, *is_]):
        before, now = was.get(tool), is_.get(tool)
        if before != now:
            needs = f"needs the scope {now.scope}" if now else "needs no scope of its own any more"
            text = f"Tool {tool} of {new.name} {needs}; it needed {before.scope if before else 'none'}."
            yield Sentence(Topic.ACCESS, text, tells=(f"{new.declared_at}.auth.tools.{tool}",))


def _versions(old: AppSpec, new: AppSpec) -> Iterator[Sentence]:
    """Versions that come and go, and what becomes of sessions that are open at one that takes no new ones."""
    keeps = old.mcp is not None and old.mcp.keeps_sessions
    for name in dict.fromkeys([*old.versions, *new.versions]):
        at = f"{new.declared_at}.versions.{name}"
        if name not in old.versions:
            yield Sentence(Topic.TRAFFIC, f"{new.name} has a version {name}; it was not declared.", tells=(at,))
        elif name not in new.versions:
            ended = "; sessions that are open there end with 404" if keeps else ""
            yield Sentence(Topic.TRAFFIC, f"{new.name} has no version {name} any more{ended}.", tells=(at,))
    if old.rollout is None or new.rollout is None or not keeps:
        return
    taking = {name for name, percent in shares(new.rollout) if percent} | {
        experiment.version for experiment in new.rollout.experiments.values()
    }
    for name, _ in shares(old.rollout):
        if name in new.versions and name not in taking:
            goes_on = keeps_open_sessions(new.rollout, name, new.versions[name])
            fate = "go on until it is removed from versions" if goes_on else "end with 404, and clients begin anew"
            yield Sentence(Topic.DRAINS, f"{name} of {new.name} takes no new sessions; those that are open {fate}.")


def _gateways(before: Settings, now: Settings) -> Iterator[Sentence]:
    for name in dict.fromkeys([*before.gateways, *now.gateways]):
        old, new = before.gateways.get(name), now.gateways.get(name)
        if old is None and new is not None:
            yield Sentence(Topic.EDGE, f"Gateway {name} is new: {_listeners(new)}.", tells=(f"gateways.{name}",))
        elif new is None and old is not None:
            text = f"Gateway {name} is gone: {_listeners(old)}. Every connection there ends."
            yield Sentence(Topic.EDGE, text, tells=(f"gateways.{name}",))
        elif old is not None and new is not None:
            yield from _listener_changes(old, new)


def _listeners(gateway: GatewaySpec) -> str:
    said = [
        f"{', '.join(listener.hosts) or 'any host'} on port {listener.port} ({listener.protocol})"
        for listener in gateway.listeners.values()
    ]
    return f"{gateway.kind}, {listed_words(said)}" if said else gateway.kind


def _listener_changes(old: GatewaySpec, new: GatewaySpec) -> Iterator[Sentence]:
    for name in dict.fromkeys([*old.listeners, *new.listeners]):
        at = f"{new.declared_at}.listeners.{name}"
        was, is_ = old.listeners.get(name), new.listeners.get(name)
        shown = is_ or was
        if shown is None or (was is not None and is_ is not None):
            continue
        hosts = f"{', '.join(shown.hosts) or 'any host'} on port {shown.port} ({shown.protocol})"
        text = f"Gateway {new.name} {'takes' if was is None else 'no longer takes'} {hosts}, listener {name}."
        yield Sentence(Topic.EDGE, text, opens=was is None, tells=(at,))


def _destination(one: DestinationSpec) -> str:
    return f"{one.host or one.address}:{one.port}"


def _way_out(one: DestinationSpec, spec: Settings) -> tuple[str, ...]:
    callers = [c if isinstance(c, str) else f"{c.namespace}/{c.service_account}" for c in one.from_]
    via = "through the egress gateway" if (one.via or spec.egress.via) == "gateway" else "from its own proxy"
    return (*callers, via)


def _egress(before: Settings, now: Settings) -> Iterator[Sentence]:
    was = {_destination(one): one for one in before.egress.allow}
    is_ = {_destination(one): one for one in now.egress.allow}
    for key in dict.fromkeys([*was, *is_]):
        old, new = was.get(key), is_.get(key)
        *callers, via = _way_out(new, now) if new else ("", "")
        *earlier, _ = _way_out(old, before) if old else ("", "")
        callers, earlier = [c for c in callers if c], [c for c in earlier if c]
        path = tuple(
            f"egress.allow[{i}]"
            for i, one in enumerate(now.egress.allow if new else before.egress.allow)
            if _destination(one) == key
        )
        gained, lost = [c for c in callers if c not in earlier], [c for c in earlier if c not in callers]
        if gained:
            text = f"{listed_words(gained)} may now reach {key} outside the mesh, {via}."
            yield Sentence(Topic.EGRESS, text, opens=True, tells=path)
        if lost:
            yield Sentence(
                Topic.EGRESS, f"{listed_words(lost)} may no longer reach {key} outside the mesh.", tells=path
            )


def _exception(one: MtlsExceptionSpec) -> str:
    paths = f", {', '.join(one.paths)} alone" if one.paths else ""
    return f"{', '.join(one.from_networks)}{paths}, until {one.until.isoformat()} ({one.why})"


def _exceptions(before: Settings, now: Settings) -> Iterator[Sentence]:
    was = {(one.namespace, one.workload, one.port): one for one in before.security.exceptions}
    is_ = {(one.namespace, one.workload, one.port): one for one in now.security.exceptions}
    for key in dict.fromkeys([*was, *is_]):
        old, new = was.get(key), is_.get(key)
        port = f"Port {key[2]} of {key[1]} in {key[0]}"
        if old == new:
            continue
        if new is None:
            text = f"{port} takes no plaintext any more."
        elif old is None:
            text = f"{port} takes plaintext from {_exception(new)}."
        elif old.model_copy(update={"until": new.until}) == new:
            dates = f"until {new.until.isoformat()} in place of {old.until.isoformat()}"
            text = f"{port} takes plaintext {dates} ({new.why})."
        else:
            text = f"{port} takes plaintext from {_exception(new)}; it was from {_exception(old)}."
        yield Sentence(Topic.EXCEPTIONS, text, opens=old is None, tells=("security.exceptions",))
    accepted = {(one.code, str(one.object)): one for one in before.accept}
    accepts = {(one.code, str(one.object)): one for one in now.accept}
    for key in dict.fromkeys([*accepted, *accepts]):
        old, new = accepted.get(key), accepts.get(key)
        if old != new:
            said = f"is accepted until {new.until.isoformat()} ({new.why})" if new else "is not accepted any more"
            yield Sentence(Topic.EXCEPTIONS, f"{key[0]} of {key[1]} {said}.", tells=("accept",))


_TELLERS: tuple[Callable[[Settings, Settings], Iterator[Sentence]], ...] = (_gateways, _apps, _egress, _exceptions)


def callers_of_one(
    before: Settings, now: Settings, names: Mapping[str, str]
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Paths of the callers that only one version declares, by caller and app; `names` are those of identities."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for version, other in ((now, before), (before, now)):
        for name, app in version.apps.items():
            theirs = other.apps[name].callers if name in other.apps else ()
            for index, caller in enumerate(app.callers):
                if caller not in theirs:
                    identity = f"{caller.namespace or app.namespace}/{caller.service_account}"
                    who = caller.app or names.get(identity, identity)
                    found[who, name] = (*found.get((who, name), ()), f"{app.declared_at}.callers[{index}]")
    return found
