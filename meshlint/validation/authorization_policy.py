"""What Istio takes as an AuthorizationPolicy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, every, longest, problem
from meshlint.validation.selection import SELECTION, selects_once
from meshlint.validation.values import is_address, is_range

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest


def _each_value(check: Check) -> Check:
    return each(lambda value: check(value) if value else problem("is empty", "write a value, or remove it"))


def _whatever(_: str) -> Problems:
    return NONE


def _address(value: str) -> Problems:
    if is_range(value) if "/" in value else is_address(value):
        return NONE
    return problem(f"is {value!r}, neither an IP address nor a CIDR range", "write for example 10.0.0.0/8")


def _port(value: str) -> Problems:
    # Istio takes 0, which no request has.
    if value.isascii() and value.isdecimal() and int(value[:9]) <= 65535:
        return NONE
    return problem(f"is {value!r}, which is no port number", "write a number from 1 to 65535")


def _wildcard(value: str) -> Problems:
    if value.count("*") > 1 or "*" in value[1:-1]:
        return problem(f"is {value!r}, and one * can begin or end it", "keep * for the beginning or the end")
    return NONE


def _trust_domain(value: str) -> Problems:
    return problem(f"is {value!r}, no trust domain", "write it without /") if "/" in value else _wildcard(value)


def _service_account(value: str) -> Problems:
    namespace, slash, name = value.partition("/")
    if "*" in value:
        return problem(f"is {value!r}, and knows no wildcard", "name the account, or use principals")
    if len(value) > 320 or "/" in name or (slash and not (namespace and name)):
        return problem(f"is {value!r}, no service account", "write NAMESPACE/NAME or NAME")
    return NONE


_LITERAL = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+\Z")


def _path(value: str) -> Problems:
    """A path; `{*}` stands for one segment, `{**}` for any number at the end of the segments that are named."""
    if "{" not in value and "}" not in value:
        return NONE
    has_template = "{*}" in value or "{**}" in value
    any_seen = False
    for segment in value.strip("/").split("/"):
        if segment in ("{*}", "{**}"):
            if any_seen:
                return problem(f"is {value!r}, with a template behind {{**}}", "let {**} be the last one")
            any_seen = segment == "{**}"
        elif "{" in segment or "}" in segment:
            return problem(f"is {value!r}, and {segment!r} is no template", "write {*} or {**} for whole segments")
        elif has_template and not _LITERAL.match(segment):
            return problem(
                f"is {value!r}, and {segment!r} cannot stand beside a template", "write it literally, without *"
            )
    return NONE


_ANY = _each_value(_whatever)
_ADDRESSES = _each_value(_address)
_ACCOUNTS = every(_each_value(_service_account), longest(16))
_TRUST_DOMAINS = _each_value(_trust_domain)
_PORTS = _each_value(_port)
_PATHS = _each_value(_path)


def _both(name: str, check: Check) -> dict[str, Check]:
    return {name: check, f"not{name[0].upper()}{name[1:]}": check}


_SOURCE_FIELDS = (
    _both("principals", _ANY) | _both("requestPrincipals", _ANY) | _both("namespaces", _ANY)
    | _both("serviceAccounts", _ACCOUNTS) | _both("trustDomains", _TRUST_DOMAINS)
    | _both("ipBlocks", _ADDRESSES) | _both("remoteIpBlocks", _ADDRESSES)
)  # fmt: skip
_OPERATION_FIELDS = _both("ports", _PORTS) | _both("methods", _ANY) | _both("hosts", _ANY) | _both("paths", _PATHS)
_ACCOUNT_FIELDS = ("serviceAccounts", "notServiceAccounts")
_IDENTITY_FIELDS = ("principals", "notPrincipals", "namespaces", "notNamespaces")


def _says_something(fields: dict[str, Check]) -> Check:
    def check(value: Json) -> Problems:
        if any(value.get(name) for name in fields):
            return NONE
        return problem("is empty", f"set one of {', '.join(list(fields)[::2])}, or remove it")

    return check


def _accounts_alone(value: Json) -> Problems:
    accounts = [name for name in _ACCOUNT_FIELDS if name in value]
    others = [name for name in _IDENTITY_FIELDS if name in value]
    if accounts and others:
        what = f"has {accounts[0]} and {others[0]}, which exclude each other"
        return problem(what, "name accounts, or namespaces and principals")
    return NONE


_SOURCE = Message(_SOURCE_FIELDS, _says_something(_SOURCE_FIELDS), _accounts_alone)
_OPERATION = Message(_OPERATION_FIELDS, _says_something(_OPERATION_FIELDS))


def _has(name: str) -> Check:
    return lambda value: NONE if name in value else problem(f"has no {name}", f"write {name}, or remove the entry")


_VALUES: dict[str, Check] = {
    "source.ip": _address, "remote.ip": _address, "destination.ip": _address, "destination.port": _port,
    "source.serviceAccount": _service_account, "source.trustDomain": _wildcard,
    **dict.fromkeys(
        (
            "source.namespace", "source.principal", "request.auth.principal", "request.auth.audiences",
            "request.auth.presenter", "connection.sni",
        ),
        _whatever,
    ),
}  # fmt: skip
_KEYED = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")
_REPLACED = {
    "destination.namespace": "the policy is for its own namespace: remove it",
    "destination.name": "select the workload by selector", "destination.user": "select the workload by selector",
}  # fmt: skip


def _condition(value: Json) -> Problems:
    key: str = value.get("key", "")
    if not key:
        return problem("has no key", "name the attribute")
    if not value.get("values") and not value.get("notValues"):
        return problem("has neither values nor notValues", "add one of them")
    if key in _REPLACED or key.startswith("destination.labels"):
        mend = _REPLACED.get(key, "select the workload by selector")
        return problem(f"is {key!r}, which policies no longer have", mend, "key")
    check = _VALUES.get(key)
    if check is None and not key.startswith(_KEYED):
        known = ", ".join((*_VALUES, "request.headers[NAME]", "request.auth.claims[NAME]"))
        return problem(f"is {key!r}, an attribute that does not exist", f"write one of {known}", "key")
    found = NONE
    if check is None:
        check = _whatever
        begin = key.find("[")
        if not (key.endswith("]") and 0 < begin < len(key) - 2):
            found += problem(f"is {key!r}, without a name in brackets", f"write {key.partition('[')[0]}[NAME]", "key")
    for field in ("values", "notValues"):
        written = value.get(field, [])
        found += below(field, _each_value(check)(written))
        if key == "source.serviceAccount":
            found += below(field, longest(16)(written))
    return found


_RULE = Message(
    {
        "from": every(each(Message({"source": _SOURCE}, _has("source"))), longest(512)),
        "to": each(Message({"operation": _OPERATION}, _has("operation"))),
        "when": each(_condition),
    }
)
_SPEC = Message({**SELECTION, "rules": every(each(_RULE), longest(512))}, selects_once)

_NO_IDENTITIES = tuple(
    f"{prefix}{name[0].upper() + name[1:] if prefix else name}"
    for name in ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
    for prefix in ("", "not")
)
_NO_ATTRIBUTES = ("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal")


def _custom(spec: Json) -> Problems:
    """An external authorizer is asked by what the request says, before its identity is known."""
    found = NONE
    if not spec.get("rules"):
        found += problem("is CUSTOM without rules, so no request is handed on", "write rules: [{}] for all", "action")
    elif not spec.get("provider", {}).get("name"):
        found += problem("is CUSTOM without a provider", "write provider: {name: ...}, as in MeshConfig", "action")
    mend = "let the external authorizer decide, or write another policy"
    for number, rule in enumerate(spec.get("rules", ())):
        for position, entry in enumerate(rule.get("from", ())):
            for name in _NO_IDENTITIES:
                if entry.get("source", {}).get(name):
                    where = ("rules", number, "from", position, "source", name)
                    found += problem("is set, which action CUSTOM does not know", mend, *where)
        for position, condition in enumerate(rule.get("when", ())):
            key: str = condition.get("key", "")
            if key in _NO_ATTRIBUTES or key.startswith("request.auth."):
                where = ("rules", number, "when", position, "key")
                found += problem(f"is {key!r}, which action CUSTOM does not know", mend, *where)
    return found


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this AuthorizationPolicy, by its place in the spec."""
    spec = obj.spec
    found = _SPEC(spec)
    action = spec.get("action", "ALLOW")
    if action == "CUSTOM":
        return found + _custom(spec)
    if action == "DENY" and not spec.get("rules"):
        found += problem("is DENY without rules, so it denies nothing", "write rules: [{}] to deny all", "action")
    if "provider" in spec:
        found += problem(f"is set, and action {action} asks nobody", "write action: CUSTOM, or remove it", "provider")
    return found
