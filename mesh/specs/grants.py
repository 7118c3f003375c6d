"""What a platform's stack lets the stacks of teams declare: namespaces, hosts, issuers, ways out, and who deploys.

What becomes of a grant at the gateways: `mesh.objects.grants`; in the cluster's own rules: `components.grants`. The
team's side is `mesh.specs.granted_by`.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from pydantic import Field

from chatgpt_mesh.mesh.specs.app import issuer_uses
from chatgpt_mesh.mesh.specs.auth import IssuerSpec, IssuerUse, gateway_problems
from chatgpt_mesh.mesh.specs.declared import Declared, NamedSpec, listed
from chatgpt_mesh.mesh.specs.gateways import covers
from chatgpt_mesh.mesh.specs.key_set import KeySet
from chatgpt_mesh.mesh.specs.kubernetes_names import belongs_to_kubernetes
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Many, Spec, WildcardHost
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


class GrantedIssuerSpec(Spec):
    """An authorization server whose tokens the gateways verify for a team. Exactly one of jwks and jwks_uri."""

    issuer: HttpsUrl
    """The claim `iss`, character by character."""
    jwks: KeySet | None = None
    """Its public keys as JSON text."""
    jwks_uri: HttpsUrl | None = None
    """Where istiod fetches the keys."""

    def verified(self) -> IssuerSpec:
        """The same as an app's issuer, as far as a gateway asks."""
        return IssuerSpec(issuer=self.issuer, jwks=self.jwks, jwks_uri=self.jwks_uri)


class AccountSpec(Spec):
    """Who deploys for a team, by the name that the cluster knows. Exactly one of user, group and service_account."""

    user: Line | None = None
    """A user; on GKE a mail address, of a person or of a Google service account."""
    group: Line | None = None
    """A group; on GKE a mail address."""
    service_account: DnsLabel | None = None
    """A Kubernetes service account, with `namespace`."""
    namespace: DnsLabel | None = None
    """Namespace of the service account."""


class GrantSpec(NamedSpec):
    """What one team's stack may declare."""

    section = "grants"

    namespaces: Many[DnsLabel] = Field(min_length=1)
    """Namespaces of its apps. This stack makes them, and nothing of its own runs there. What they may use together:
    `namespaces.NAME.quota`; without it no load balancer and no port of the nodes."""
    hosts: Many[WildcardHost] = ()
    """Hosts that its apps may own: names, or wildcards such as *.billing.example.com for everything below. Of no two
    teams does one take in the other's."""
    gateways: Many[DnsLabel] = ()
    """Public and internal gateways at which it may serve them."""
    issuers: Many[GrantedIssuerSpec] = ()
    """Whose tokens the gateways verify for it."""
    egress: Many[WildcardHost] = ()
    """Hosts outside the mesh that its apps may reach, by their sidecars."""
    accounts: Many[AccountSpec] = ()
    """Who deploys its stack. They get rights in these namespaces and nowhere else."""


def at_gateway(grants: Mapping[str, GrantSpec], gateway: GatewaySpec) -> tuple[GrantSpec, ...]:
    """The grants that name a gateway."""
    return tuple(grant for grant in grants.values() if gateway.name in grant.gateways)


def overlap(one: str, other: str) -> bool:
    """Whether some host is taken in by both."""
    return covers(one, other) or covers(other, one)


def problems(
    grants: Declared[GrantSpec], gateways: Declared[GatewaySpec], apps: Declared[AppSpec]
) -> Iterator[Problem]:
    """What a grant names and is not there, and what two parties would own."""
    for grant in grants.values():
        yield from _gateway_problems(grant, gateways)
        yield from _namespace_problems(grant, gateways, apps)
        yield from _host_problems(grant, apps)
        yield from _inside_problems(grant)
        for index, issuer in enumerate(grant.issuers):
            if (issuer.jwks is None) == (issuer.jwks_uri is None):
                yield Problem(
                    f"{grant.declared_at}.issuers.{index}",
                    "needs exactly one of jwks (or jwks_file) and jwks_uri: the gateways verify with these keys",
                    issuer.issuer,
                )
        for index, account in enumerate(grant.accounts):
            yield from _account_problems(f"{grant.declared_at}.accounts.{index}", account)
    for one, other in combinations(grants.values(), 2):
        yield from _overlaps(one, other)
    uses = [*issuer_uses(apps), *_issuer_uses(grants)]
    yield from (found for found in gateway_problems(uses) if found.path.startswith("grants."))


def _issuer_uses(grants: Mapping[str, GrantSpec]) -> Iterator[IssuerUse]:
    for grant in grants.values():
        for index, issuer in enumerate(grant.issuers):
            for gateway in grant.gateways:
                yield IssuerUse(f"{grant.declared_at}.issuers.{index}", gateway, issuer.verified())


def _gateway_problems(grant: GrantSpec, gateways: Declared[GatewaySpec]) -> Iterator[Problem]:
    for index, name in enumerate(grant.gateways):
        gateway = gateways.get(name)
        if gateway is None and not gateways.knows(name):
            yield Problem(
                f"{grant.declared_at}.gateways.{index}",
                f"is not a declared gateway; there are: {listed(gateways)}",
                name,
            )
        elif gateway is not None and gateway.kind == "egress":
            yield Problem(
                f"{grant.declared_at}.gateways.{index}",
                "is an egress gateway, which nobody enters by; name a public or internal one",
                name,
            )
    if grant.hosts and not grant.gateways:
        yield Problem(f"{grant.declared_at}.gateways", "is missing: name the gateways at which the hosts may be served")
    known = [gateways[name] for name in grant.gateways if name in gateways]
    if len(known) < len(grant.gateways):
        return
    for index, host in enumerate(grant.hosts):
        if known and all(gateway.listener_of(host) is None for gateway in known):
            yield Problem(
                f"{grant.declared_at}.hosts.{index}",
                f"no HTTPS listener of {listed(gateway.declared_at for gateway in known)} serves it; add it to the "
                "hosts of a listener",
                host,
            )


def _namespace_problems(
    grant: GrantSpec, gateways: Mapping[str, GatewaySpec], apps: Mapping[str, AppSpec]
) -> Iterator[Problem]:
    taken = {app.namespace: f"apps of this stack run there ({app.declared_at})" for app in apps.values()}
    taken |= {gateway.home: f"it is that of {gateway.declared_at}" for gateway in gateways.values()}
    taken[ROOT_NAMESPACE] = "what stands there holds for the whole mesh"
    for index, name in enumerate(grant.namespaces):
        refusal = belongs_to_kubernetes(name)
        if name in taken or refusal:
            yield Problem(
                f"{grant.declared_at}.namespaces.{index}",
                f"cannot be a team's: {taken.get(name) or refusal}; give the team one of its own",
                name,
            )


def _host_problems(grant: GrantSpec, apps: Mapping[str, AppSpec]) -> Iterator[Problem]:
    for index, host in enumerate(grant.hosts):
        for app in apps.values():
            for exposure in app.exposures:
                if covers(host, exposure.host):
                    yield Problem(
                        f"{grant.declared_at}.hosts.{index}",
                        f"takes in {exposure.host}, which {app.declared_at} of this stack owns; one host has one owner",
                        host,
                    )


def _inside_problems(grant: GrantSpec) -> Iterator[Problem]:
    """Names that lead into the cluster or to its machine, which are no team's to serve or to reach as the outside."""
    for field in ("hosts", "egress"):
        for index, host in enumerate(getattr(grant, field)):
            if f".{host}".endswith((".cluster.local", ".svc", ".google.internal", ".localhost")):
                yield Problem(
                    f"{grant.declared_at}.{field}.{index}",
                    "is a name of the inside (cluster.local, svc, google.internal, localhost); grant outside names",
                    host,
                )


def _account_problems(path: str, account: AccountSpec) -> Iterator[Problem]:
    said = [name for name in ("user", "group", "service_account") if getattr(account, name) is not None]
    if len(said) != 1:
        yield Problem(path, f"must say exactly one of user, group and service_account; it says: {listed(said)}")
    if (account.service_account is None) != (account.namespace is None):
        yield Problem(f"{path}.namespace", "goes with service_account: a service account is of one namespace")
    if account.namespace is not None and (refusal := belongs_to_kubernetes(account.namespace)):
        yield Problem(f"{path}.namespace", f"{refusal}; name an account of the team's", account.namespace)
    for name in ("user", "group"):
        value = getattr(account, name)
        if value is not None and value.startswith("system:"):
            yield Problem(
                f"{path}.{name}",
                "is of Kubernetes itself or is everybody; name who deploys for this team",
                value,
            )


def _overlaps(one: GrantSpec, other: GrantSpec) -> Iterator[Problem]:
    for index, host in enumerate(other.hosts):
        for theirs in one.hosts:
            if overlap(theirs, host):
                yield Problem(
                    f"{other.declared_at}.hosts.{index}",
                    f"overlaps {theirs} of {one.declared_at}; one host has one owner, so grant each team hosts of its "
                    "own",
                    host,
                )
    yield from _shared(one, other, "namespaces", ((name, name) for name in other.namespaces), set(one.namespaces))
    for grant, theirs in ((other, one), (one, other)):
        for index, account in enumerate(grant.accounts):
            if account.namespace in theirs.namespaces:
                yield Problem(
                    f"{grant.declared_at}.accounts.{index}.namespace",
                    f"is granted to {theirs.declared_at}, whose people make accounts there and would deploy for "
                    "this team too; name one of this team's",
                    account.namespace,
                )
    own = {_subject(account) for account in one.accounts}
    named = ((str(_subject(account)), _subject(account)) for account in other.accounts)
    yield from _shared(one, other, "accounts", named, own)


def _shared(
    one: GrantSpec, other: GrantSpec, field: str, values: Iterable[tuple[str, object]], theirs: Container[object]
) -> Iterator[Problem]:
    for index, (shown, value) in enumerate(values):
        if value in theirs:
            yield Problem(
                f"{other.declared_at}.{field}.{index}",
                f"is granted to {one.declared_at} too; what two teams hold, neither owns",
                shown,
            )


def _subject(account: AccountSpec) -> tuple[str | None, ...]:
    return (account.user, account.group, account.namespace, account.service_account)
