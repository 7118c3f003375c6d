"""A team's stack: it declares apps, on a mesh that a platform's stack runs, within what that one grants.

What a platform writes for it stands in `mesh.specs.grants`. Everything that would need an object beside the app's own,
at the gateway or for a whole mesh, is refused here with whom to ask (docs/adr/0021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import PrivateAttr

from chatgpt_mesh.mesh.specs.auth import SUBJECT_HEADER
from chatgpt_mesh.mesh.specs.declared import listed
from chatgpt_mesh.mesh.specs.gateways import covers
from chatgpt_mesh.mesh.specs.grants import GrantSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Spec
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.egress import EgressSpec

    StackName = str
else:
    StackName = text_like(
        r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+",
        "must be a stack as ORGANIZATION/PROJECT/STACK",
        longest=303,
        examples=["acme/platform/prod"],
    )


class GrantedBySpec(Spec):
    """Whose grant this stack lives by."""

    stack: StackName
    """The platform's stack, whose outputs are read."""
    team: DnsLabel
    """Name of the grant there."""
    outputs: Line | None = None
    """File with those outputs (`pulumi stack output --json`), for tools that run without Pulumi's engine. The engine
    does not read it."""
    _grant: GrantSpec | None = PrivateAttr(default=None)

    @property
    def grant(self) -> GrantSpec | None:
        """What is granted: no setting, but read from the outputs. None where they could not be read."""
        return self._grant

    def holding(self, grant: GrantSpec) -> Self:
        """The same, with what is granted."""
        copy = self.model_copy()
        copy._grant = grant
        return copy


def problems(granted_by: GrantedBySpec | None, apps: Mapping[str, AppSpec], egress: EgressSpec) -> Iterator[Problem]:
    """Whatever goes beyond the grant."""
    if granted_by is None or granted_by.grant is None:
        return
    grant = granted_by.grant
    asked = f"ask the owners of {granted_by.stack} to add it to grants.{granted_by.team}"
    for app in apps.values():
        path = app.declared_at
        if app.namespace not in grant.namespaces:
            yield _beyond(f"{path}.namespace", app.namespace, "namespaces", grant.namespaces, asked)
        for exposure in app.exposures:
            if not any(covers(pattern, exposure.host) for pattern in grant.hosts):
                yield _beyond(f"{path}.{exposure.path}", exposure.host, "hosts", grant.hosts, asked)
        known = [issuer.issuer for issuer in grant.issuers]
        for index, issuer in enumerate(app.auth.issuers if app.auth else ()):
            if issuer.issuer not in known:
                yield _beyond(f"{path}.auth.issuers.{index}.issuer", issuer.issuer, "issuers", known, asked)
        yield from _of_the_platform(app, apps)
    for index, destination in enumerate(egress.allow):
        path = f"egress.allow.{index}"
        if destination.host is None:
            yield Problem(
                f"{path}.address",
                f"cannot be granted, only hosts can; {asked.split(' to add')[0]}",
                destination.address,
            )
        elif not any(covers(pattern, destination.host) for pattern in grant.egress):
            yield _beyond(f"{path}.host", destination.host, "egress", grant.egress, asked)
        if egress.via_of(destination) == "gateway":
            yield Problem(
                f"{path}.via",
                "must be sidecar: what goes through the egress gateway is written in its namespace, which is the "
                "platform's",
                "gateway",
            )
        if destination.originate_tls is not None and destination.originate_tls.credential is not None:
            yield Problem(f"{path}.originate_tls.credential", "is a Secret of the egress gateway, the platform's")
        for place, caller in enumerate(destination.from_):
            if not isinstance(caller, str):
                yield Problem(f"{path}.from.{place}", "must be an app of this stack")


def _beyond(path: str, value: str, field: str, granted: Iterable[str], asked: str) -> Problem:
    return Problem(
        path, f"is not granted to this stack; granted are {field}: {listed(granted)}; {asked}.{field}", value
    )


def _of_the_platform(app: AppSpec, apps: Mapping[str, AppSpec]) -> Iterator[Problem]:
    """What an app's own objects cannot do: it takes a filter at the gateway, which every team's requests pass."""
    path, auth = app.declared_at, app.auth
    needs = {
        "max_request_body": app.max_request_body is not None,
        "rate_limit": app.rate_limit is not None,
        "further_rate_limits": bool(app.further_rate_limits),
        "external_authorization": app.external_authorization is not None,
        "response_headers": bool(app.response_headers.model_fields_set),
        "auth.tools_from": auth is not None and auth.reads_calls,
        "rollout.managed_by": app.rollout is not None and app.rollout.managed_by == "flagger",
    }
    for field, needed in needs.items():
        if needed:
            instead = "; say header" if field == "auth.tools_from" else ""
            yield Problem(
                f"{path}.{field}",
                f"needs a filter or a policy at the gateway, which a team's stack does not write{instead}; or let the "
                "platform's stack declare this app",
            )
    if auth is not None and not auth.require_expiry:
        yield Problem(f"{path}.auth.require_expiry", "the platform's gateway refuses tokens without exp on every host")
    if auth is not None and auth.subject_header != SUBJECT_HEADER:
        yield Problem(
            f"{path}.auth.subject_header",
            f"the platform's gateway writes {SUBJECT_HEADER} for every team",
            auth.subject_header,
        )
    if app.mcp is None or not app.mcp.keeps_sessions:
        return
    for index, caller in enumerate(app.callers):
        if caller.app in apps:
            yield Problem(
                f"{path}.callers.{index}.app",
                "calls a server with sessions, which takes a filter in the caller's sidecar that a team's stack does "
                "not write; say mcp.stateless or mcp.era modern",
                caller.app,
            )
