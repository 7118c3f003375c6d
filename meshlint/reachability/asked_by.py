"""What the matches of routes and the rules of policies ask of a request, as drafts of requests that meet it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from meshlint.reachability import draft as dimensions
from meshlint.reachability.calls import NAMESPACE
from meshlint.reachability.identities import pattern_of
from meshlint.reachability.samples import of_policy_value, of_regex, taken_by
from meshlint.view.fields import elements, mapping, strings, text
from meshlint.view.token_claims import claim_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshlint.reachability.draft import Dimension, Draft
    from meshlint.view.fields import Json
    from meshlint.view.routing import HttpRoute
    from meshlint.view.security import AuthorizationPolicy, Condition, Operation, PolicyRule, Source

Choices = dict["Dimension", list["str | None"]]


def by_match(match: Json) -> Iterator[Draft]:
    """Requests that a match of a route takes: for each path and method that it may mean, and each other value."""
    paths = [path for path in taken_by(mapping(match, "uri")) if path.startswith("/")] if match.get("uri") else ["/"]
    methods = taken_by(mapping(match, "method")) if match.get("method") else ["GET", "OPTIONS"]
    choices: Choices = {}
    for name in mapping(match, "headers"):
        _set(choices, name, [*taken_by(mapping(match, "headers", name))])
    for name in mapping(match, "withoutHeaders"):
        _set(choices, name, [None])
    for name in mapping(match, "queryParams"):
        choices["query", name] = [*taken_by(mapping(match, "queryParams", name))]
    if text(match, "sourceNamespace"):
        choices[dimensions.CALLER] = [f"{text(match, 'sourceNamespace')}/stranger"]
    for rest in dimensions.one_at_a_time(choices):
        for path, method in product(paths[:2] or [f"/{path}" for path in taken_by(mapping(match, "uri"))[:1]], methods):
            yield {**rest, dimensions.PATH: path, dimensions.METHOD: method}


def _set(choices: Choices, name: str, values: list[str | None]) -> None:
    if name.lower() == "authorization":
        # What carries the token is the token.
        choices.setdefault(
            dimensions.TOKEN, [dimensions.NO_TOKEN if value is None else dimensions.GOOD for value in values]
        )
        return
    named = claim_of(name)
    dimension = dimensions.claim(named) if named else dimensions.header(name)
    if dimension == dimensions.claim("sub"):
        # Whoever it may be is somebody.
        values = ["somebody" if value == "x" else value for value in values]
    choices.setdefault(dimension, values)


def by_cors(route: HttpRoute) -> Iterator[Draft]:
    """Preflights that a browser sends to a route: from each origin that it allows."""
    policy = mapping(route.raw, "corsPolicy")
    origins = [origin for allowed in elements(policy, "allowOrigins") for origin in taken_by(allowed)[:1]]
    written = [path for match in route.matches for path in taken_by(mapping(match, "uri"))[:1]]
    paths = [path for path in written if path.startswith("/")] or ["/"]
    for path, origin in product(dict.fromkeys(paths), origins):
        yield {
            dimensions.PATH: path,
            dimensions.METHOD: "OPTIONS",
            dimensions.header("origin"): origin,
            dimensions.header("access-control-request-method"): "POST",
        }


def by_rule(rule: PolicyRule, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """Requests that a rule of a policy takes: for each source and operation, and each of their values."""
    conditions: Choices = {}
    for condition in rule.conditions:
        dimension = _dimension(condition)
        if dimension is not None:
            conditions[dimension] = _values(dimension, condition)
    sources = [_of_source(source, policy) for source in rule.sources] or [{}]
    operations = [_of_operation(operation) for operation in rule.operations] or [{}]
    for source, operation in product(sources, operations):
        yield from dimensions.one_at_a_time({**source, **operation, **conditions})


def _of_source(source: Source, policy: AuthorizationPolicy) -> Choices:
    raw = source.raw
    callers = [pattern_of(principal) for principal in (*strings(raw, "principals"), *strings(raw, "notPrincipals"))]
    callers += [
        name if "/" in name else f"{policy.obj.namespace}/{name}"
        for name in (*strings(raw, "serviceAccounts"), *strings(raw, "notServiceAccounts"))
    ]
    callers += [
        f"{namespace.replace('*', 'stranger')}/stranger"
        for namespace in (*strings(raw, "namespaces"), *strings(raw, "notNamespaces"))
    ]
    found: Choices = {}
    if any(callers):
        found[dimensions.CALLER] = [*dict.fromkeys(caller for caller in callers if caller)]
    principals = [name for name in strings(raw, "requestPrincipals") if "/" in name and not name.endswith("/*")]
    if principals:
        found[dimensions.claim("iss")] = [*dict.fromkeys(name.rpartition("/")[0] for name in principals)]
        found[dimensions.claim("sub")] = [*dict.fromkeys(name.rpartition("/")[2] for name in principals)]
    return found


def _of_operation(operation: Operation) -> Choices:
    raw = operation.raw
    found: Choices = {}
    paths = [path for pattern in strings(raw, "paths") for path in of_policy_value(pattern) if path.startswith("/")]
    if paths:
        found[dimensions.PATH] = [*dict.fromkeys(paths)]
    methods = [method for pattern in strings(raw, "methods") for method in of_policy_value(pattern)]
    if methods:
        found[dimensions.METHOD] = [*dict.fromkeys(methods)]
    return found


def _dimension(condition: Condition) -> Dimension | None:
    key = condition.key
    if condition.header:
        return dimensions.header(condition.header)
    if key.startswith("request.auth.claims["):
        return dimensions.claim(key[len("request.auth.claims[") :].removesuffix("]"))
    return {
        "request.auth.audiences": dimensions.claim("aud"),
        "source.principal": dimensions.CALLER,
        "source.namespace": dimensions.CALLER,
    }.get(key)


def _values(dimension: Dimension, condition: Condition) -> list[str | None]:
    written = [*condition.values, *condition.not_values]
    if dimension == dimensions.CALLER:
        if condition.key == "source.namespace":
            return [f"{namespace.replace('*', 'stranger')}/stranger" for namespace in written]
        return [caller for principal in written if (caller := pattern_of(principal))] or [None]
    return [*dict.fromkeys(value for pattern in written for value in of_policy_value(pattern))] or [None]


def calls_in(conditions: Iterable[Json]) -> list[str]:
    """The calls that routes ask for, which a filter has read from the body."""
    found: list[str] = []
    for condition in conditions:
        if text(condition, "filter") == NAMESPACE:
            value = mapping(condition, "value")
            for one in (value, *elements(value, "or_match", "value_matchers")):
                found += of_regex(text(one, "string_match", "safe_regex", "regex"))[:2]
                found.append(text(one, "string_match", "exact"))
    return [call for call in dict.fromkeys(found) if call]
