"""The requests that tell two versions of a mesh apart at one place.

For each match of a route a request that it takes; over each of these what each rule of a policy asks; and in each, one
at a time, every value that occurs on either side, its neighbours, and a stranger's. So a condition that comes, goes or
changes meets a request that fulfils all others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.reachability import draft as dimensions
from meshlint.reachability.asked_by import by_cors, by_match, by_rule, calls_in
from meshlint.reachability.draft import (
    CALL,
    CALLER,
    CERTIFICATE,
    FORGED,
    GATEWAY,
    GOOD,
    METHOD,
    NO_TOKEN,
    PATH,
    PORT,
    TOKEN,
    distinct,
    laid_over,
    request_of,
)
from meshlint.reachability.identities import accounts_in, edges, service_accounts
from meshlint.reachability.matrix import PROBES
from meshlint.reachability.request import INTERNET, PLAINTEXT
from meshlint.reachability.samples import neighbours
from meshlint.reachability.scope import sidecar_of
from meshlint.view.claim_headers import claims_by_header
from meshlint.view.fields import mapping, strings, text
from meshlint.view.hosts import covers
from meshlint.view.strings import METHODS
from meshlint.view.token_claims import claim_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshlint.reachability.draft import Dimension, Draft
    from meshlint.reachability.places import Place, Survey
    from meshlint.reachability.request import Request
    from meshlint.view.security import PolicyRule

FOREIGN = "https://foreign.example.net"
"""An issuer, audience and origin that no mesh knows."""

STRANGER = "elsewhere/stranger"
"""A workload of the mesh that nothing names."""

MOST = 10_000
"""How many requests are asked at one place; what is left out is counted."""

OTHER_PORT = 15999
"""A port of pods that no Service has: whoever knows a pod's address may try it."""

OTHER_METHODS = 3
"""How many methods that nothing names are asked beside those that something does."""

_SPLIT = frozenset({"scope", "permission"})
"""Claims that carry several values in one text, which Istio has split."""

_CLAIMS_OF_EVERY_TOKEN = ("iss", "sub", "aud")


@dataclass
class Asked:
    """The requests for one place, how many there would be, and which values were tried."""

    requests: list[Request] = field(default_factory=list["Request"])
    left_out: int = 0
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Questions:
    """What to ask at a place, from what both versions have there."""

    def __init__(self, surveys: Sequence[Survey], place: Place) -> None:
        self._surveys = surveys
        self._place = place

    def asked(self) -> Asked:
        """Every request, each once."""
        found = Asked()
        seen: set[frozenset[tuple[Dimension, str | None]]] = set()
        for draft in self._drafts():
            whole = {**self._default, **draft}
            key = frozenset(whole.items())
            if key in seen:
                continue
            seen.add(key)
            if len(found.requests) >= MOST:
                found.left_out += 1
                continue
            found.requests.append(request_of(self._place.host, whole))
            for (kind, _), value in whole.items():
                found.values[kind].add(value or "")
        return found

    def _drafts(self) -> Iterator[Draft]:
        plain: Draft = {}
        yield plain
        yield from self._bases
        for above in self._overlays:
            yield above
        for account in self._others:
            yield {CALLER: account}
        yield from self._past_routes()
        for above in self._overlays:
            for base in self._bases:
                yield laid_over(base, above)
        yield from self._varied([plain, *self._bases])
        yield from self._varied(self._overlays, alone=False)

    def _past_routes(self) -> Iterator[Draft]:
        """Workloads that connect to a gateway of the host by themselves."""
        if self._place.outside:
            return
        at = dict.fromkeys((edge.key, server.number) for survey in self._surveys for edge, server in survey.listening)
        for key, port in at:
            for caller in self._callers:
                if caller != PLAINTEXT:
                    yield {GATEWAY: key, PORT: str(port), CALLER: caller}

    def _varied(self, drafts: Sequence[Draft], *, alone: bool = True) -> Iterator[Draft]:
        """Each draft with each value in the place of its own.

        `alone`: paths and methods in requests that ask for nothing else but the other of the two; a match that takes
        others than it did has requests of its own for them.
        """
        for dimension, values in self._values.items():
            kept = {METHOD: PATH, PATH: METHOD}.get(dimension) if alone else None
            rests = (
                {key: value for key, value in draft.items() if key != dimension and kept in (None, key)}
                for draft in drafts
            )
            for rest in distinct(rests):
                for value in values:
                    yield {**rest, dimension: value}

    @cached_property
    def _bases(self) -> list[Draft]:
        found: list[Draft] = []
        for survey in self._surveys:
            for route in survey.routes:
                for match in route.matches:
                    found += by_match(match)
                found += by_cors(route)
        return distinct(map(self._of_token, found))

    def _of_token(self, draft: Draft) -> Draft:
        """With what proxies of both versions write into headers asked of the token: what a client sends is dropped."""
        written = self._written
        return {
            dimensions.claim(written[name]) if kind == "header" and name in written else (kind, name): value
            for (kind, name), value in draft.items()
        }

    @cached_property
    def _written(self) -> dict[str, str]:
        """Claims by the header into which they are written in both versions."""
        before, *others = (
            claims_by_header(rule for guarding in survey.guards for rule in guarding.jwt_rules)
            for survey in self._surveys
        )
        return {name: claim for name, claim in before.items() if all(name in other for other in others)}

    @cached_property
    def _overlays(self) -> list[Draft]:
        found: list[Draft] = []
        for survey in self._surveys:
            for guarding in survey.guards:
                for policy in guarding.policies:
                    for rule in policy.rules:
                        if self._concerns(rule, survey):
                            found += by_rule(rule, policy)
        if self._place.outside:
            found = [{key: value for key, value in draft.items() if key != CALLER} for draft in found]
        return [draft for draft in distinct(found) if draft]

    def _concerns(self, rule: PolicyRule, survey: Survey) -> bool:
        """Whether a rule can take a request for the host, under a name that reaches the same pods."""
        named = [strings(operation.raw, "hosts") for operation in rule.operations]
        if not named or not all(named):
            return True
        hosts = [self._place.host, *survey.destinations]
        return any(
            covers(pattern.removesuffix(":*").lower(), host)
            for patterns in named
            for pattern in patterns
            for host in hosts
        )

    @cached_property
    def _default(self) -> Draft:
        found: Draft = {PATH: "/", METHOD: "GET"}
        ports = self._ports
        found[PORT] = str(ports[0]) if ports else "443"
        if not self._place.outside:
            found[CALLER] = self._callers[0]
            return found
        found[CALLER] = INTERNET
        if any(text(server.tls, "mode") == "MUTUAL" for survey in self._surveys for _, server in survey.servers):
            found[CERTIFICATE] = "shown"
        issuers = self._claims["iss"]
        if not issuers:
            found[TOKEN] = NO_TOKEN
            return found
        found[TOKEN] = GOOD
        for name in _CLAIMS_OF_EVERY_TOKEN:
            found[dimensions.claim(name)] = next(iter(self._claims[name]), None)
        found[dimensions.claim("sub")] = "somebody"
        for name, values in self._required.items():
            # A token with everything that is asked for: those with less are asked for one by one.
            found[dimensions.claim(name)] = " ".join(values) if name in _SPLIT else values[0]
        return found

    @cached_property
    def _required(self) -> dict[str, list[str]]:
        """The values of claims without which some route refuses a token."""
        found: dict[str, list[str]] = defaultdict(list)
        for survey in self._surveys:
            for name, value in _claims_missed(survey):
                if value not in found[name]:
                    found[name].append(value)
        return found

    @cached_property
    def _ports(self) -> list[int]:
        found = [port for survey in self._surveys for port in survey.ports]
        # What answers requests comes first, before what redirects to it.
        redirecting = {server.number for survey in self._surveys for _, server in survey.servers if server.redirects}
        return sorted(dict.fromkeys(found), key=lambda port: port in redirecting)

    @cached_property
    def _conditions(self) -> list[tuple[Dimension, str | None]]:
        return [item for draft in (*self._bases, *self._overlays) for item in draft.items()]

    @cached_property
    def _claims(self) -> dict[str, list[str]]:
        """The values of each claim: of matches and policies, and those of the rules that verify tokens."""
        found: dict[str, list[str]] = defaultdict(list)
        rules = [rule for survey in self._surveys for guarding in survey.guards for rule in guarding.jwt_rules]
        for rule in rules:
            found["iss"].append(text(rule.raw, "issuer"))
        for (kind, name), value in self._conditions:
            if kind == "claim" and (value or name not in found):
                found[name] += [value] if value else []
        for name, values in self._required.items():
            found[name] += values
        for rule in rules:
            found["aud"] += strings(rule.raw, "audiences")
        return defaultdict(list, {name: list(dict.fromkeys(values)) for name, values in found.items()})

    @cached_property
    def _values(self) -> dict[Dimension, list[str | None]]:
        """Every value of every dimension that occurs on either side, and one that does not."""
        found: dict[Dimension, list[str | None]] = {PATH: [*self._paths], METHOD: []}
        found[PORT] = [str(port) for port in self._ports[1:]]
        if not self._place.outside:
            found[PORT].append(str(OTHER_PORT))
        for (kind, name), value in self._conditions:
            if kind in ("header", "query"):
                values = found.setdefault((kind, name), [None, "other"])
                values += [value] if value not in values else []
                if kind == "header" and name == "origin" and FOREIGN not in values:
                    values.append(FOREIGN)
            elif kind == "method" and value not in found[METHOD]:
                found[METHOD].append(value)
        found[METHOD] += [method for method in METHODS if method not in found[METHOD]][:OTHER_METHODS]
        calls = [call for survey in self._surveys for call in _calls(survey)]
        if calls:
            found[CALL] = [*dict.fromkeys(calls), "tools/call other", "initialize", ""]
        if self._place.outside:
            found |= self._of_clients()
        else:
            found[CALLER] = [*self._callers]
        return {dimension: list(dict.fromkeys(values)) for dimension, values in found.items() if values}

    def _of_clients(self) -> dict[Dimension, list[str | None]]:
        found: dict[Dimension, list[str | None]] = {}
        keys = dict.fromkeys(edge.key for survey in self._surveys for edge, _ in survey.servers)
        if len(keys) > 1:
            found[GATEWAY] = [*keys]
        if CERTIFICATE in self._default:
            found[CERTIFICATE] = ["not shown"]
        if self._default.get(TOKEN) != NO_TOKEN:
            found[TOKEN] = [NO_TOKEN, FORGED]
            for name, values in self._claims.items():
                found[dimensions.claim(name)] = [*values, None, FOREIGN if name in ("iss", "aud") else "other"]
        return found

    @cached_property
    def _paths(self) -> list[str]:
        named = [value for (kind, _), value in self._conditions if kind == "path" and value]
        named += [path for survey in self._surveys for path in survey.mesh.environment.mcp_paths]
        beside = [one for path in dict.fromkeys(named) for one in neighbours(path)]
        return list(dict.fromkeys([*named, *PROBES, *beside]))

    @cached_property
    def _callers(self) -> list[str]:
        """Workloads that policies on the way name, a stranger in each of their namespaces, and strangers to all."""
        found: list[str] = [value for (kind, _), value in self._conditions if kind == "caller" and value]
        for survey in self._surveys:
            for guarding in survey.guards:
                for policy in guarding.policies:
                    found += ["/".join(account) for account in accounts_in(policy)]
        homes = dict.fromkeys(caller.partition("/")[0] for caller in found)
        strangers = [STRANGER, *(f"{home}/stranger" for home in homes), PLAINTEXT]
        gateways = {
            "/".join(edge.principal.split("/")[2::2]) for survey in self._surveys for edge in edges(survey.mesh)
        }
        return sorted(dict.fromkeys([*found, *strangers]), key=lambda caller: caller in gateways)

    @cached_property
    def _others(self) -> list[str]:
        """The other workloads of the mesh, whose Sidecars may hide the host from them."""
        if self._place.outside:
            return []
        accounts = {account for survey in self._surveys for account in service_accounts(survey.mesh)}
        return [
            "/".join(account)
            for account in sorted(accounts)
            if any(sidecar_of(survey.mesh, *account) is not None for survey in self._surveys)
        ]


def _claims_missed(survey: Survey) -> Iterator[tuple[str, str]]:
    """(claim, value) of each claim that a route asks for by refusing what lacks it."""
    for route in survey.routes:
        for match in route.matches:
            for header in mapping(match, "withoutHeaders"):
                wanted = text(match, "withoutHeaders", header, "exact")
                if wanted and claim_of(header):
                    yield claim_of(header), wanted


def _calls(survey: Survey) -> list[str]:
    return [call for route in survey.routes for call in calls_in(survey.mesh.narrowed_routes.get(route.name, ()))]
