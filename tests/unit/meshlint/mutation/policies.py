"""Mistakes in who may do what: AuthorizationPolicy, RequestAuthentication, PeerAuthentication."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from tests.unit.meshlint.mutation.mistakes import (
    Mistake,
    Objects,
    at,
    key_of,
    left_out,
    of_kind,
    parts,
    put,
    removed,
    scalars,
    swapped,
    walk,
)

POLICIES = ("AuthorizationPolicy",)
SECURITY = ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication")
SELECTED = (*SECURITY, "Sidecar")


def two_values_swapped(objects: Objects) -> Iterator[Mistake]:
    """What two rules say, in each other's place: their principals, paths, methods or values."""
    for index, obj in of_kind(objects, *POLICIES):
        lists: dict[str, list[tuple[Any, ...]]] = {}
        for path, value in walk(obj["spec"].get("rules", []), ("spec", "rules")):
            if isinstance(value, list) and path[-1] in ("principals", "paths", "methods", "values", "serviceAccounts"):
                lists.setdefault(path[-1], []).append(path)
        for name, paths in lists.items():
            for one, other in itertools.pairwise(paths):
                if at(obj, one) != at(obj, other):
                    yield Mistake("two values swapped", key_of(obj), name, swapped(index, one, other))


def policy_moved(objects: Objects) -> Iterator[Mistake]:
    """A policy in another namespace, where it selects nobody, or others."""
    homes = sorted({obj["metadata"]["namespace"] for _, obj in of_kind(objects, *SECURITY)})
    for index, obj in of_kind(objects, *SECURITY):
        for home in homes:
            if home != obj["metadata"]["namespace"]:
                change = put(index, ("metadata", "namespace"), home)
                yield Mistake("policy moved", key_of(obj), f"to {home}", change)


def path_widened(objects: Objects) -> Iterator[Mistake]:
    """A policy's path with a star that it should not have."""
    for index, obj, path, value in scalars(objects, POLICIES, "operation", "paths"):
        if isinstance(value, str) and not value.endswith("*"):
            yield Mistake("path widened", key_of(obj), value, put(index, path, f"{value}*"))
            yield Mistake("path widened", key_of(obj), value, put(index, path, "/*"))


def path_mistaken(objects: Objects) -> Iterator[Mistake]:
    """A policy's path with a slash at its end, or without its first segment."""
    for index, obj, path, value in scalars(objects, POLICIES, "operation", "paths"):
        if isinstance(value, str) and value.startswith("/"):
            yield Mistake("path mistaken", key_of(obj), value, put(index, path, f"{value}/"))


def principal_dropped(objects: Objects) -> Iterator[Mistake]:
    """A caller left out of those that a rule names."""
    for name in ("principals", "serviceAccounts"):
        for index, obj, path, value in scalars(objects, POLICIES, "source", name):
            if len(at(obj, path[:-1])) > 1:
                yield Mistake("principal dropped", key_of(obj), str(value), left_out(index, path))
    for index, obj, path, _ in parts(objects, POLICIES, "rules", "from"):
        if isinstance(path[-1], str):
            yield Mistake("principal dropped", key_of(obj), "the whole from", left_out(index, path))


def principal_mistaken(objects: Objects) -> Iterator[Mistake]:
    """A caller's account, or its namespace, that is another one."""
    for index, obj, path, value in scalars(objects, POLICIES, "source", "principals"):
        if isinstance(value, str) and value.count("/") == 4:
            domain, ns, namespace, sa, account = value.split("/")
            for mistaken in (
                "/".join((domain, ns, namespace, sa, f"{account}-sa")),
                "/".join((domain, ns, "default", sa, account)),
                "/".join((domain, ns, namespace, sa, "*")),
            ):
                yield Mistake("principal mistaken", key_of(obj), mistaken, put(index, path, mistaken))


def other_audience(objects: Objects) -> Iterator[Mistake]:
    """The audience of another service, or with a slash at its end."""
    for index, obj, path, value in scalars(objects, ("RequestAuthentication",), "jwtRules", "audiences"):
        yield Mistake("other audience", key_of(obj), str(value), put(index, path, f"{value}/other"))
    for index, obj, path, value in scalars(objects, ("VirtualService",), "exact"):
        if "@request.auth.claims[aud]" in path:
            yield Mistake("other audience", key_of(obj), str(value), put(index, path, f"{value}/other"))
            yield Mistake("other audience", key_of(obj), f"{value} dropped", left_out(index, path[:-1]))


def other_claim(objects: Objects) -> Iterator[Mistake]:
    """Another value of a claim, or another claim of the same value."""
    for index, obj, path, value in scalars(objects, ("VirtualService",), "exact"):
        claim = next((step for step in path if str(step).startswith("@request.auth.claims[")), "")
        if claim and "aud" not in claim:
            yield Mistake("other claim", key_of(obj), f"{claim} {value}", put(index, path, f"{value}x"))
    for index, obj, path, value in scalars(objects, POLICIES, "when", "key"):
        if str(value).startswith("request.auth.claims["):
            yield Mistake("other claim", key_of(obj), str(value), put(index, path, "request.auth.claims[subject]"))


def issuer_mistaken(objects: Objects) -> Iterator[Mistake]:
    """An issuer with or without the slash at its end."""
    for index, obj, path, value in scalars(objects, ("RequestAuthentication",), "jwtRules", "issuer"):
        other = str(value).removesuffix("/") if str(value).endswith("/") else f"{value}/"
        yield Mistake("issuer mistaken", key_of(obj), other, put(index, path, other))


def other_selector(objects: Objects) -> Iterator[Mistake]:
    """The label of another workload, or of none."""
    values = sorted({str(value) for _, _, _, value in _labels(objects)})
    for index, obj, path, value in _labels(objects):
        for other in (f"{value}s", *(found for found in values if found != value)):
            yield Mistake("other selector", key_of(obj), f"{value} -> {other}", put(index, path, other))


def selector_dropped(objects: Objects) -> Iterator[Mistake]:
    """No selector: the policy holds for the whole namespace."""
    for index, obj in of_kind(objects, *SELECTED):
        name = "workloadSelector" if obj["kind"] == "Sidecar" else "selector"
        if name in obj.get("spec", {}):
            yield Mistake("selector dropped", key_of(obj), "", left_out(index, ("spec", name)))


def _labels(objects: Objects) -> Iterator[tuple[int, Any, tuple[Any, ...], Any]]:
    for name in ("matchLabels", "labels"):
        for index, obj in of_kind(objects, *SELECTED):
            for path, value in walk(obj.get("spec", {}), ("spec",)):
                if not isinstance(value, dict | list) and len(path) == 4 and path[2] == name:
                    yield index, obj, path, value


def action_turned(objects: Objects) -> Iterator[Mistake]:
    """DENY for ALLOW, or the other way round."""
    for index, obj in of_kind(objects, *POLICIES):
        if obj["spec"].get("rules"):
            other = "ALLOW" if obj["spec"].get("action") == "DENY" else "DENY"
            yield Mistake("action turned", key_of(obj), other, put(index, ("spec", "action"), other))


def rule_split(objects: Objects) -> Iterator[Mistake]:
    """A dash too many: what was one rule with `from` and `to` becomes two, each with one of them."""
    for index, obj in of_kind(objects, *POLICIES):
        for number, rule in enumerate(obj["spec"].get("rules") or ()):
            if len(rule) > 1:
                rules = copy.deepcopy(obj["spec"]["rules"])
                rules[number : number + 1] = [{name: value} for name, value in rules[number].items()]
                yield Mistake("rule split", key_of(obj), f"rule {number}", put(index, ("spec", "rules"), rules))


def condition_dropped(objects: Objects) -> Iterator[Mistake]:
    """A rule without its condition, or without one of its operation's fields."""
    for index, obj, path, _ in parts(objects, POLICIES, "rules", "when"):
        if isinstance(path[-1], int):
            yield Mistake("condition dropped", key_of(obj), "when", left_out(index, path))
    for field in ("paths", "methods", "hosts", "ports"):
        for index, obj, path, _ in parts(objects, POLICIES, "operation", field):
            if len(at(obj, path[:-1])) > 1:
                yield Mistake("condition dropped", key_of(obj), field, left_out(index, path))


def condition_turned(objects: Objects) -> Iterator[Mistake]:
    """`notValues` for `values`, `notPrincipals` for `principals`, and the other way round."""
    twins = (("values", "notValues"), ("principals", "notPrincipals"), ("paths", "notPaths"))
    for index, obj in of_kind(objects, *POLICIES):
        for path, value in walk(obj["spec"].get("rules", []), ("spec", "rules")):
            for one, other in (*twins, *((other, one) for one, other in twins)):
                if isinstance(value, dict) and one in value and other not in value:
                    turned = {other if name == one else name: inner for name, inner in value.items()}
                    yield Mistake("condition turned", key_of(obj), f"{one} -> {other}", put(index, path, turned))


def method_mistaken(objects: Objects) -> Iterator[Mistake]:
    """A method left out, or in small letters."""
    for index, obj, path, value in scalars(objects, POLICIES, "operation", "methods"):
        yield Mistake("method mistaken", key_of(obj), str(value), put(index, path, str(value).lower()))
        if len(at(obj, path[:-1])) > 1:
            yield Mistake("method mistaken", key_of(obj), f"without {value}", left_out(index, path))


def mtls_loosened(objects: Objects) -> Iterator[Mistake]:
    """PERMISSIVE or DISABLE where STRICT was, for all ports or for one."""
    for index, obj in of_kind(objects, "PeerAuthentication"):
        for path, value in walk(obj["spec"], ("spec",)):
            if path[-1] == "mode" and value == "STRICT":
                for other in ("PERMISSIVE", "DISABLE"):
                    yield Mistake("mTLS loosened", key_of(obj), other, put(index, path, other))


def policy_forgotten(objects: Objects) -> Iterator[Mistake]:
    """A policy that is not there."""
    for index, obj in of_kind(objects, *SECURITY):
        yield Mistake("policy forgotten", key_of(obj), "", removed(index))


def keys_elsewhere(objects: Objects) -> Iterator[Mistake]:
    """The keys of another issuer."""
    for index, obj, path, value in scalars(objects, ("RequestAuthentication",), "jwtRules", "jwksUri"):
        other = str(value).replace("https://", "https://old-", 1)
        yield Mistake("keys elsewhere", key_of(obj), other, put(index, path, other), shown_as_setting=True)


OPERATORS = (
    two_values_swapped, policy_moved, path_widened, path_mistaken, principal_dropped, principal_mistaken,
    other_audience, other_claim, issuer_mistaken, other_selector, selector_dropped, action_turned, rule_split,
    condition_dropped, condition_turned, method_mistaken, mtls_loosened, policy_forgotten, keys_elsewhere,
)  # fmt: skip
