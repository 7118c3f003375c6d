"""Who may call an app, besides the gateways that serve its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpPath, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class CallerSpec(Spec):
    """A workload that may call this app. Exactly one of app and service_account."""

    app: DnsLabel | None = None
    """An app of this stack."""
    service_account: DnsLabel | None = None
    """A service account."""
    namespace: DnsLabel | None = None
    """Namespace of the service account. Default: this app's. A namespace outside this stack is another team's and
    taken at its word."""
    paths: Many[HttpPath] = ()
    """Exact paths, or with a trailing '/' everything below. Default: the MCP path, and the app's own routes."""
    methods: Many[Method] = ()
    """Methods. Default: those that the paths are declared with, else GET and POST."""


def problems(
    path: str,
    callers: Sequence[CallerSpec],
    *,
    namespace: str,
    service: bool,
    own_paths: bool,
    apps: Declared[object],
    accounts: Mapping[str, Collection[str]],
) -> Iterator[Problem]:
    """Callers of one app.

    `namespace` is the app's; `service`: it has one; `own_paths`: it declares paths that can be the default.
    `accounts`: service accounts of this stack's apps by namespace, empty where not all apps could be read.
    """
    if callers and not service:
        yield Problem(path, "an app without service cannot be called; declare service, or remove the callers")
    for index, caller in enumerate(callers):
        where = f"{path}.{index}"
        if (caller.app is None) == (caller.service_account is None):
            yield Problem(where, "needs exactly one of app and service_account")
            continue
        if caller.app is not None:
            if caller.namespace is not None:
                yield Problem(f"{where}.namespace", "belongs to service_account; the namespace of an app is known")
            if not apps.knows(caller.app):
                yield Problem(f"{where}.app", f"is not an app of this stack; there are: {listed(apps)}", caller.app)
        elif (home := caller.namespace or namespace) in accounts and caller.service_account not in accounts[home]:
            yield Problem(
                f"{where}.service_account",
                f"no app of this stack runs as this account in {home}; there are: {listed(sorted(accounts[home]))}. "
                "Declare the caller as an app "
                "(namespace alone is enough), or mend the name",
                caller.service_account,
            )
        if service and not caller.paths and not own_paths:
            yield Problem(
                f"{where}.paths", "is missing; this app declares no path of its own that could be the default"
            )
