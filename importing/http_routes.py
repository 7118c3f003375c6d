"""One http route of a VirtualService as `routes` of the app that owns the host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing import rollouts
from chatgpt_mesh.importing.draft import METHODS
from chatgpt_mesh.importing.source import Source, as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.source import Path

_HOST_NAME = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(slots=True)
class Action:
    """What a route does with a request, as settings of a route, and the fields that say so."""

    declared: dict[str, Any]
    fields: dict[Path, str]
    """With the setting of the route that each becomes."""


def read(draft: Draft, source: Source, at: Path, owner: str) -> None:
    """Adds the route at `at` to the routes of `owner`; what has no word is told."""
    route = as_mapping(source.at(at))
    matches = as_list(route.get("match"))
    found = rollouts.legs(draft, source, at) if route.get("route") else []
    if route.get("route") and not found:
        source.say(at, "it leads to no app of this declaration; requests that it took go where the other routes lead")
        return
    if len(matches) == 1 and (pin := rollouts.pinned(as_mapping(matches[0]))) is not None and _pins(found, owner):
        _pin(draft, source, at, pin, found[0])
        return
    if matches and not any(_said(as_mapping(match)) for match in matches):
        source.say(
            at,
            "a route is chosen by its path and method; requests that this one took by something else go where the "
            "other routes lead",
        )
        return
    action = _action(draft, source, at, owner, found)
    places: list[tuple[Path, Mapping[str, Any]]] = [
        ((*at, "match", index), as_mapping(match)) for index, match in enumerate(matches)
    ]
    for path, match in places or [(at, {})]:
        if matches and not _said(match):
            source.say(path, "a route is chosen by its path and method; no request is led by this any more")
        else:
            _add(draft, source, path, match, owner, action, has_match=bool(matches))


def _said(match: Mapping[str, Any]) -> bool:
    uri, method = as_mapping(match.get("uri")), as_mapping(match.get("method"))
    return (
        not set(match) - {"uri", "method", "name"}
        and set(uri) <= {"exact", "prefix"}
        and set(method) <= {"exact"}
        and str(method.get("exact", "GET")) in METHODS
        and str(next(iter(uri.values()), "/")).startswith("/")
    )


def _pins(found: list[rollouts.Leg], owner: str) -> bool:
    return len(found) == 1 and found[0].workload.app == owner and found[0].subset is not None


def _pin(draft: Draft, source: Source, at: Path, pin: tuple[str, str], leg: rollouts.Leg) -> None:
    """A mark of clients that leads to a version."""
    app = leg.workload.app
    version = rollouts.version(draft, app, str(leg.subset))
    header, value = pin
    declared = {"header": header, "value": value, "allowed": "anyone"}
    known = draft.apps[app]["versions"][version].setdefault("pin", declared)
    if known != declared:
        source.say(at, f"versions.{version} has a pin already, and takes one")
        return
    to = f"apps.{app}.versions.{version}.pin"
    source.carry((*at, "match", 0, "headers"), to)
    destination = (*leg.path, "destination")
    source.carry((*destination, "host"), to)
    source.carry((*destination, "subset"), to)
    rollouts.carry_port(draft, source, destination, app)
    for key in as_mapping(source.at(at)):
        if key not in ("match", "route", "name"):
            source.say((*at, key), "a pin changes nothing but the version")


def _add(
    draft: Draft, source: Source, path: Path, match: Mapping[str, Any], owner: str, action: Action, *, has_match: bool
) -> None:
    uri = as_mapping(match.get("uri"))
    method = as_mapping(match.get("method")).get("exact")
    kind, text = next(iter(uri.items()), ("prefix", "/"))
    spelled = [(kind, str(text))]
    if kind == "prefix" and not str(text).endswith("/"):
        spelled = [("exact", str(text)), ("prefix", f"{text}/")]
        source.note(
            (*path, "uri", "prefix"),
            f"is taken for {text} and all below {text}/; longer words that begin alike are no part of it any more",
        )
    methods = [method] if method else list(METHODS)
    routes: list[dict[str, Any]] = draft.apps[owner].setdefault("routes", [])
    carried = False
    for how, where in spelled:
        taken = next((i for i, route in enumerate(routes) if route.get(how) == where), None)
        if taken is not None and not (set(methods) & set(routes[taken]["methods"])) and _alike(routes[taken], action):
            routes[taken]["methods"] += methods
        elif taken is not None:
            source.say(path, f"routes[{taken}] of apps.{owner} has {where} already, and stands before it")
            continue
        else:
            routes.append({how: where, "methods": list(methods), **action.declared})
            taken = len(routes) - 1
        carried = True
        to = f"apps.{owner}.routes[{taken}]"
        if has_match and uri:
            source.carry((*path, "uri"), f"{to}.{how}")
        if method:
            source.carry((*path, "method"), f"{to}.methods")
        for at, setting in action.fields.items():
            source.carry(at, f"{to}.{setting}" if setting else to)
    if not carried and not has_match:
        source.say(path, "no route of it is left")


def _alike(route: Mapping[str, Any], action: Action) -> bool:
    return {key: value for key, value in route.items() if key not in ("exact", "prefix", "methods")} == action.declared


def _action(draft: Draft, source: Source, at: Path, owner: str, found: list[rollouts.Leg]) -> Action:
    route = as_mapping(source.at(at))
    action = Action({}, {})
    if found:
        target = rollouts.divide(draft, source, found, source.say)
        if target.app != owner:
            action.declared["to"] = {"app": target.app}
        _mirror(draft, source, at, owner, action)
    _answer(route, at, action)
    _changes(source, route, at, action)
    if "fault" in route:
        source.say((*at, "fault"), "a fault is for callers in the mesh that ask for it by a header, never at a gateway")
    if "corsPolicy" in route:
        _cors(draft, source, (*at, "corsPolicy"), owner)
    return action


def _answer(route: Mapping[str, Any], at: Path, action: Action) -> None:
    """Redirects, and answers that the proxy gives itself."""
    redirect, respond = as_mapping(route.get("redirect")), as_mapping(route.get("directResponse"))
    if redirect:
        said: dict[str, Any] = {"status": redirect.get("redirectCode", 301)}
        for key, setting in (("authority", "host"), ("uri", "path")):
            if key in redirect:
                said[setting] = redirect[key]
        action.declared["redirect"] = said
        names = {"authority": "host", "uri": "path", "redirectCode": "status"}
        action.fields |= {(*at, "redirect", key): f"redirect.{names[key]}" for key in redirect if key in names}
    if respond:
        action.declared["respond"] = {"status": respond.get("status")}
        action.fields[(*at, "directResponse", "status")] = "respond.status"
        body = as_mapping(respond.get("body")).get("string")
        if body is not None:
            action.declared["respond"]["body"] = body
            action.fields[(*at, "directResponse", "body", "string")] = "respond.body"


def _changes(source: Source, route: Mapping[str, Any], at: Path, action: Action) -> None:
    """Rewrites, limits of time, retries and headers."""
    uri = as_mapping(route.get("rewrite")).get("uri")
    if uri is not None:
        action.declared["rewrite"] = uri
        action.fields[(*at, "rewrite", "uri")] = "rewrite"
    if "timeout" in route:
        if not re.fullmatch(r"0+(\.0+)?m?s", str(route["timeout"])):
            action.declared["timeout"] = route["timeout"]
        action.fields[(*at, "timeout")] = "timeout" if "timeout" in action.declared else ""
    if "retries" in route:
        said, fields = retries(as_mapping(route["retries"]), (*at, "retries"))
        action.declared["retries"] = said
        action.fields |= {path: f"retries.{setting}" for path, setting in fields.items()}
    for direction in ("request", "response"):
        changes = as_mapping(as_mapping(route.get("headers")).get(direction))
        below = (*at, "headers", direction)
        for key in ("set", "remove"):
            if not changes.get(key):
                continue
            said = changes[key]
            lowered = {k.lower(): v for k, v in said.items()} if key == "set" else [k.lower() for k in said]
            action.declared.setdefault("headers", {}).setdefault(direction, {})[key] = lowered
            action.fields[(*below, key)] = f"headers.{direction}.{key}"
        if changes.get("add"):
            source.say(
                (*below, "add"),
                "headers are set, not added: with a second value a client could put its own before the gateway's",
            )


def retries(said: Mapping[str, Any], at: Path) -> tuple[dict[str, Any], dict[Path, str]]:
    """Settings of `retries`, and the fields that they come from."""
    declared: dict[str, Any] = {}
    fields: dict[Path, str] = {}
    for key, setting in (("attempts", "attempts"), ("perTryTimeout", "per_try_timeout")):
        if key in said:
            declared[setting] = said[key]
            fields[(*at, key)] = setting
    if said.get("retryOn"):
        declared["conditions"] = [one.strip() for one in str(said["retryOn"]).split(",")]
        fields[(*at, "retryOn")] = "conditions"
    return declared, fields


def _mirror(draft: Draft, source: Source, at: Path, owner: str, action: Action) -> None:
    route = as_mapping(source.at(at))
    mirror = as_mapping(route.get("mirror"))
    subset = mirror.get("subset")
    target = draft.workload_of(str(mirror.get("host", "")), source.namespace)
    if subset is None or target is None or target.app != owner or "to" in action.declared:
        return
    percent = as_mapping(route.get("mirrorPercentage")).get("value", 100)
    action.declared["mirror"] = {"version": rollouts.version(draft, owner, str(subset)), "percent": percent}
    action.fields |= {(*at, "mirror", key): "mirror" for key in ("host", "subset")}
    rollouts.carry_port(draft, source, (*at, "mirror"), owner)
    if "mirrorPercentage" in route:
        action.fields[(*at, "mirrorPercentage")] = "mirror.percent"


def _cors(draft: Draft, source: Source, at: Path, owner: str) -> None:
    """Browsers that may call the app; what one route says holds for all of its hosts."""
    policy = as_mapping(source.at(at))
    declared: dict[str, Any] = {}
    fields: dict[Path, str] = {}
    for index, origin in enumerate(as_list(policy.get("allowOrigins"))):
        exact = as_mapping(origin).get("exact")
        if exact is None or exact == "*":
            source.say((*at, "allowOrigins", index), "origins are listed one by one; an Origin that is not is refused")
        else:
            declared.setdefault("origins", []).append(exact)
            fields[(*at, "allowOrigins", index)] = "origins"
    for key, setting in (("allowHeaders", "request_headers"), ("exposeHeaders", "response_headers")):
        if policy.get(key):
            declared[setting] = [str(name).lower() for name in policy[key]]
            fields[(*at, key)] = setting
    for key, setting in (("allowCredentials", "credentials"), ("maxAge", "max_age")):
        if key in policy:
            declared[setting] = policy[key]
            fields[(*at, key)] = setting
    if "allowMethods" in policy:
        source.say((*at, "allowMethods"), "follow from the methods of the app's routes")
    known = draft.apps[owner].setdefault("cors", declared)
    if known != declared:
        source.say(at, f"apps.{owner}.cors has what another route says, and holds for all of its hosts")
        return
    for path, setting in fields.items():
        source.carry(path, f"apps.{owner}.cors.{setting}")


def is_host(text: str) -> bool:
    return _HOST_NAME.fullmatch(text) is not None
