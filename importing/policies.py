"""Who may call whom, with which token, over which transport: callers, issuers, mutual TLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chatgpt_mesh.importing.draft import METHODS, Workload
from chatgpt_mesh.importing.source import Source, as_list, as_mapping, texts
from chatgpt_mesh.mesh.specs.gateways import RELEASES
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.source import Path

SECURITY = "security.istio.io"

_PRINCIPAL = re.compile(r"[^/*]+/ns/(?P<namespace>[^/*]+)/sa/(?P<account>[^/*]+)")


def read(draft: Draft) -> None:
    for source in draft.of_kind("PeerAuthentication", SECURITY):
        _mutual_tls(source)
    for source in draft.of_kind("RequestAuthentication", SECURITY):
        _tokens(draft, source)
    for source in draft.of_kind("AuthorizationPolicy", SECURITY):
        _policy(draft, source)


def _apps_of(draft: Draft, source: Source) -> list[Workload]:
    selector = as_mapping(source.spec.get("selector"))
    if source.spec.get("targetRef") or source.spec.get("targetRefs"):
        return []
    return draft.selected(source.namespace, texts(selector.get("matchLabels")))


def _mutual_tls(source: Source) -> None:
    modes: list[tuple[Path, object]] = [(("spec", "mtls"), source.spec.get("mtls"))]
    modes += [
        (("spec", "portLevelMtls", port), mtls) for port, mtls in as_mapping(source.spec.get("portLevelMtls")).items()
    ]
    for path, mtls in modes:
        mode = as_mapping(mtls).get("mode")
        if mode == "STRICT":
            source.carry((*path, "mode"), "security.mtls")
        elif mode is not None:
            source.say(
                (*path, "mode"),
                "every port is STRICT; one that has to take plaintext is a dated exception with the networks that its "
                "clients come from (security.exceptions)",
            )
    if "selector" in source.spec and any(as_mapping(mtls).get("mode") == "STRICT" for _, mtls in modes):
        source.say(("spec", "selector"), "every pod of the mesh is STRICT, whatever a policy selects")


def _tokens(draft: Draft, source: Source) -> None:
    """Issuers of the one app that is selected, where a gateway serves it; else the object stays."""
    served = [w for w in _apps_of(draft, source) if "host" in draft.apps[w.app]]
    rules = as_list(source.spec.get("jwtRules"))
    if len(served) != 1 or not rules or "auth" in draft.apps[served[0].app]:
        source.keep("tokens are asked for by an app with a host at a gateway, and this selects none, or several")
        return
    app = served[0].app
    issuers: list[dict[str, Any]] = []
    for index, rule in enumerate(rules):
        issuers.append(_issuer(source, ("spec", "jwtRules", index), as_mapping(rule), f"apps.{app}.auth", index))
    draft.apps[app]["auth"] = {"issuers": issuers}
    if "selector" in source.spec:
        source.carry(("spec", "selector"), f"apps.{app}.auth")
    draft.assume(
        f"apps.{app}.auth: {source.key} verifies tokens; here every route asks for one, where a request without a "
        "token passed it. A path for everybody says auth: none."
    )


def _issuer(source: Source, at: Path, rule: Mapping[str, Any], to: str, index: int) -> dict[str, Any]:
    declared: dict[str, Any] = {}
    for key, setting in (("issuer", "issuer"), ("jwksUri", "jwks_uri"), ("jwks", "jwks"), ("audiences", "audiences")):
        if key in rule:
            declared[setting] = rule[key]
            source.carry((*at, key), f"{to}.issuers[{index}].{setting}")
    if "audiences" not in rule:
        source.note((*at, "issuer"), "its tokens have to name the app in `aud` (MCP authorization); audiences says how")
    forwarded = bool(rule.get("forwardOriginalToken", False))
    declared["forward_token"] = forwarded
    if "forwardOriginalToken" in rule:
        source.carry((*at, "forwardOriginalToken"), f"{to}.issuers[{index}].forward_token")
    return declared


class _Caller(NamedTuple):
    """An entry of `callers`, and the fields of the policy that it says."""

    declared: dict[str, Any]
    fields: tuple[Path, ...]


def _policy(draft: Draft, source: Source) -> None:
    apps = _apps_of(draft, source)
    action, rules = source.spec.get("action", "ALLOW"), as_list(source.spec.get("rules"))
    if action == "ALLOW" and not rules and (apps or source.namespace == ROOT_NAMESPACE):
        source.say((), "everything is denied that is not declared, in every namespace of an app")
        return
    if action != "ALLOW" or not apps:
        source.keep("what denies, asks somebody else or selects no app stays a policy of its own")
        return
    callers: list[_Caller] = []
    for index, rule in enumerate(rules):
        found = _callers(draft, ("spec", "rules", index), as_mapping(rule), apps)
        if found is None:
            source.keep(
                "a declaration lets in callers by their identities, to exact paths or all below one, with methods; "
                "this policy has more and stays. An app of this stack that it lets in is a caller all the same: its "
                "sidecar knows the apps that it may call and no others"
            )
            return
        callers += found
    for workload in apps:
        listed: list[dict[str, Any]] = draft.apps[workload.app].setdefault("callers", [])
        for caller in callers:
            to = f"apps.{workload.app}.callers[{len(listed)}]"
            listed.append(dict(caller.declared))
            for path in caller.fields:
                source.carry(path, to)
        for key in ("selector", "action"):
            if key in source.spec:
                source.carry(("spec", key), f"apps.{workload.app}.callers")


def _callers(draft: Draft, at: Path, rule: Mapping[str, Any], apps: list[Workload]) -> list[_Caller] | None:
    """The callers that a rule lets in; None where it says more than callers, paths and methods."""
    if set(rule) - {"from", "to"} or not rule.get("from"):
        return None
    sources: list[tuple[dict[str, Any], tuple[Path, ...]]] = []
    for place, entry in enumerate(as_list(rule["from"])):
        who = as_mapping(as_mapping(entry).get("source"))
        if set(who) != {"principals"}:
            return None
        for number, principal in enumerate(as_list(who["principals"])):
            named = _PRINCIPAL.fullmatch(str(principal))
            if named is None or _is_gateway(named["namespace"], named["account"]):
                return None
            path = (*at, "from", place, "source", "principals", number)
            sources.append((_named(draft, named["namespace"], named["account"], apps), (path,)))
    asked: list[tuple[dict[str, Any], tuple[Path, ...]]] = []
    for place, entry in enumerate(as_list(rule.get("to")) or [{"operation": {}}]):
        operation = as_mapping(as_mapping(entry).get("operation"))
        if (said := _operation(operation)) is None:
            return None
        below = tuple((*at, "to", place, "operation", key) for key in operation)
        asked.append((said, below))
    return [_Caller({**who, **what}, (*who_at, *what_at)) for who, who_at in sources for what, what_at in asked]


def _named(draft: Draft, namespace: str, account: str, apps: list[Workload]) -> dict[str, Any]:
    for workload in draft.workloads.values():
        if (workload.namespace, workload.account) == (namespace, account):
            return {"app": workload.app}
    if all(app.namespace != namespace for app in apps) and all(
        other.namespace != namespace for other in draft.workloads.values()
    ):
        return {"service_account": account, "namespace": namespace}
    draft.apps[account] = {"namespace": namespace}
    draft.workloads[account] = Workload(account, namespace, None, {"app": account}, account)
    draft.assume(
        f"apps.{account}: no object shows what runs as the account {account} of namespace {namespace}; an app without "
        f"Service is taken for it, whose pods carry app={account}."
    )
    return {"app": account}


def _operation(operation: Mapping[str, Any]) -> dict[str, Any] | None:
    if set(operation) - {"methods", "paths"}:
        return None
    methods = [str(method) for method in as_list(operation.get("methods"))] or ["*"]
    paths = [str(path) for path in as_list(operation.get("paths"))] or ["/*"]
    below = [path.removesuffix("*") for path in paths]
    if any("*" in path or "{" in path or not path.startswith("/") for path in below):
        return None
    if any(path.endswith("*") and not path.endswith("/*") for path in paths):
        return None
    if any(not path.endswith("*") and path.endswith("/") for path in paths):
        return None
    if methods == ["*"]:
        methods = list(METHODS)
    return None if set(methods) - set(METHODS) else {"paths": below, "methods": methods}


def _is_gateway(namespace: str, account: str) -> bool:
    homes = {ROOT_NAMESPACE, *(home for _, home in RELEASES.values())}
    return "gateway" in account and namespace in homes
