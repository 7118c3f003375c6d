"""AuthorizationPolicies, RequestAuthentications and PeerAuthentications, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, string_map, strings, text
from meshlint.view.gateway_api.targets import targets_of
from meshlint.view.strings import any_authz_matches

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest

IDENTITY_FIELDS = ("principals", "serviceAccounts", "namespaces")
"""Source fields that name the calling workload by its mTLS certificate."""

HTTP_OPERATION_FIELDS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
HTTP_SOURCE_FIELDS = ("requestPrincipals", "notRequestPrincipals")
HTTP_CONDITIONS = ("request.headers", "request.auth", "request.regex")


@dataclass(slots=True)
class Source:
    path: Path
    raw: Json

    @property
    def names_identity(self) -> bool:
        return any(self.raw.get(name) for name in IDENTITY_FIELDS)

    @property
    def needs_token(self) -> bool:
        return bool(self.raw.get("requestPrincipals"))


@dataclass(slots=True)
class Operation:
    path: Path
    raw: Json

    def takes_path(self, path: str) -> bool:
        paths = strings(self.raw, "paths")
        if paths and not any(path_matches(pattern, path) for pattern in paths):
            return False
        return not any(path_matches(pattern, path) for pattern in strings(self.raw, "notPaths"))

    def takes_method(self, method: str) -> bool:
        methods = strings(self.raw, "methods")
        if methods and not any_authz_matches(methods, method):
            return False
        return not any_authz_matches(strings(self.raw, "notMethods"), method)


def path_matches(pattern: str, path: str) -> bool:
    if "{*" in pattern:
        # A path template: `{*}` is one segment, `{**}` any number of them.
        head = pattern.partition("{*")[0]
        return path.startswith(head)
    return any_authz_matches((pattern,), path)


@dataclass(slots=True)
class Condition:
    path: Path
    key: str
    values: list[str]
    not_values: list[str]

    @property
    def header(self) -> str:
        """The request header that the condition reads, in lower case; empty if it reads something else."""
        if self.key.startswith("request.headers["):
            return self.key[len("request.headers[") :].rstrip("]").lower()
        return ""

    @property
    def reads_token(self) -> bool:
        return self.key.startswith("request.auth.")


@dataclass(slots=True)
class PolicyRule:
    path: Path
    raw: Json
    sources: list[Source]
    operations: list[Operation]
    conditions: list[Condition]

    @property
    def names_identity(self) -> bool:
        """Whether every source of the rule names a workload, or a condition does."""
        by_source = bool(self.sources) and all(source.names_identity for source in self.sources)
        return by_source or any(
            condition.key in ("source.principal", "source.namespace") and condition.values
            for condition in self.conditions
        )

    @property
    def needs_token(self) -> bool:
        by_source = bool(self.sources) and all(source.needs_token for source in self.sources)
        return by_source or any(condition.reads_token and condition.values for condition in self.conditions)

    @property
    def is_empty(self) -> bool:
        return not (self.sources or self.operations or self.conditions)

    @property
    def reads_http(self) -> bool:
        return (
            any(source.raw.get(name) for source in self.sources for name in HTTP_SOURCE_FIELDS)
            or any(operation.raw.get(name) for operation in self.operations for name in HTTP_OPERATION_FIELDS)
            or any(condition.key.startswith(HTTP_CONDITIONS) for condition in self.conditions)
        )

    def takes_path(self, path: str) -> bool:
        return not self.operations or any(operation.takes_path(path) for operation in self.operations)


@dataclass(slots=True, eq=False)
class AuthorizationPolicy:
    obj: Manifest
    action: str
    selector: dict[str, str]
    targets: list[Json]
    rules: list[PolicyRule]

    @property
    def allows_nothing(self) -> bool:
        """The default deny: an ALLOW policy without rules."""
        return self.action == "ALLOW" and "rules" not in self.obj.spec

    @classmethod
    def read(cls, obj: Manifest) -> AuthorizationPolicy:
        spec = obj.spec
        return cls(
            obj,
            text(spec, "action") or "ALLOW",
            string_map(spec, "selector", "matchLabels"),
            targets_of(obj),
            [_rule(raw, ("spec", "rules", position)) for position, raw in enumerate(elements(spec, "rules"))],
        )


def _rule(raw: Json, path: Path) -> PolicyRule:
    return PolicyRule(
        path,
        raw,
        [
            Source((*path, "from", number, "source"), mapping(entry, "source"))
            for number, entry in enumerate(elements(raw, "from"))
        ],
        [
            Operation((*path, "to", number, "operation"), mapping(entry, "operation"))
            for number, entry in enumerate(elements(raw, "to"))
        ],
        [
            Condition(
                (*path, "when", number), text(entry, "key"), strings(entry, "values"), strings(entry, "notValues")
            )
            for number, entry in enumerate(elements(raw, "when"))
        ],
    )


@dataclass(slots=True)
class JwtRule:
    obj: Manifest
    path: Path
    raw: Json


@dataclass(slots=True, eq=False)
class RequestAuthentication:
    obj: Manifest
    selector: dict[str, str]
    targets: list[Json]
    rules: list[JwtRule]

    @classmethod
    def read(cls, obj: Manifest) -> RequestAuthentication:
        spec = obj.spec
        return cls(
            obj,
            string_map(spec, "selector", "matchLabels"),
            targets_of(obj),
            [JwtRule(obj, ("spec", "jwtRules", number), raw) for number, raw in enumerate(elements(spec, "jwtRules"))],
        )


@dataclass(slots=True, eq=False)
class PeerAuthentication:
    obj: Manifest
    selector: dict[str, str]
    mode: str
    """UNSET inherits from the parent."""
    ports: dict[int, str]

    @classmethod
    def read(cls, obj: Manifest) -> PeerAuthentication:
        spec = obj.spec
        ports: dict[int, str] = {}
        for number in mapping(spec, "portLevelMtls"):
            if number.isdecimal() and len(number) < 6:
                ports[int(number)] = text(spec, "portLevelMtls", number, "mode") or "UNSET"
        return cls(
            obj,
            string_map(spec, "selector", "matchLabels"),
            text(spec, "mtls", "mode") or "UNSET",
            ports,
        )
