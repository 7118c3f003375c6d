"""What the cluster itself holds a team to: rights in its namespaces, and what it may write there.

The program of a team's stack refuses what is not granted, and a team need not use it: `kubectl` asks the API server
alone. So the same stands there, as Roles and as a ValidatingAdmissionPolicy in CEL (Kubernetes 1.30), of which the
rules hold for whoever writes in these namespaces.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.components.kubernetes_object import KubernetesObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.grants import AccountSpec, GrantSpec

RBAC = "rbac.authorization.k8s.io"

_WRITE = ("get", "list", "watch", "create", "update", "patch", "delete")

RIGHTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("", ("configmaps", "secrets", "serviceaccounts", "services", "persistentvolumeclaims"), _WRITE),
    ("", ("pods",), ("get", "list", "watch", "delete")),
    ("", ("namespaces", "pods/log", "events", "endpoints", "resourcequotas"), ("get", "list", "watch")),
    ("", ("pods/portforward",), ("create",)),
    ("apps", ("deployments", "statefulsets", "deployments/scale", "statefulsets/scale"), _WRITE),
    ("apps", ("replicasets",), ("get", "list", "watch")),
    ("batch", ("jobs", "cronjobs"), _WRITE),
    ("autoscaling", ("horizontalpodautoscalers",), _WRITE),
    ("policy", ("poddisruptionbudgets",), _WRITE),
    ("discovery.k8s.io", ("endpointslices",), ("get", "list", "watch")),
    ("networking.istio.io", ("virtualservices", "destinationrules"), _WRITE),
    ("security.istio.io", ("authorizationpolicies",), _WRITE),
)
"""What a team writes in its namespaces: API group, resources, verbs.

Left out, with why: EnvoyFilter, WasmPlugin, TrafficExtension, ProxyConfig (code and configuration in proxies), Sidecar
and Telemetry (the platform's defaults), PeerAuthentication (mutual TLS is not a team's choice), RequestAuthentication
(tokens are verified at the gateways, whose keys the grant has), Gateway, WorkloadEntry and WorkloadGroup (addresses
that no pod has), Ingress and NetworkPolicy, Roles and their bindings, `pods/exec` (a shell in a pod reads its
identity).
"""

HELD = ("virtualservices", "destinationrules", "serviceentries", "authorizationpolicies", "services")
"""Resources that the admission policy judges."""

PLATFORMS = ("allow-nothing",)
"""Objects of the platform in a team's namespace, of kinds that the team writes too."""


def name_of(team: str) -> str:
    return f"chatgpt-mesh-team-{team}"


def manifests(team: str, grant: GrantSpec, homes: Iterable[str], gateways: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The objects that hold one team.

    `homes` are the namespaces of the gateways that it may use, `gateways` these as NAMESPACE/NAME.
    """
    name = name_of(team)
    for namespace in grant.namespaces:
        metadata = {"name": name, "namespace": namespace}
        yield _rbac("Role", metadata, rules=_rules(grant))
        if grant.accounts:
            role = {"apiGroup": RBAC, "kind": "Role", "name": name}
            yield _rbac("RoleBinding", metadata, roleRef=role, subjects=_subjects(grant))
    yield from _admission(name, grant, tuple(homes), tuple(gateways))


def _rules(grant: GrantSpec) -> list[dict[str, Any]]:
    rights = [*RIGHTS, ("networking.istio.io", ("serviceentries",), _WRITE)] if grant.egress else RIGHTS
    return [
        {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)} for group, resources, verbs in rights
    ]


def _subjects(grant: GrantSpec) -> list[dict[str, str]]:
    return [_subject(account) for account in grant.accounts]


def _subject(account: AccountSpec) -> dict[str, str]:
    if account.service_account is not None:
        return {"kind": "ServiceAccount", "name": account.service_account, "namespace": account.namespace or ""}
    kind, name = ("User", account.user) if account.user is not None else ("Group", account.group)
    return {"apiGroup": RBAC, "kind": kind, "name": name or ""}


def _rbac(kind: str, metadata: Mapping[str, str], **body: Any) -> dict[str, Any]:
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": dict(metadata), **body}


def _admission(
    name: str, grant: GrantSpec, homes: tuple[str, ...], gateways: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    api = "admissionregistration.k8s.io"
    within = {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*grant.namespaces]}]
    }
    rules = [
        {
            "apiGroups": ["", "networking.istio.io", "security.istio.io"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": list(HELD),
        }
    ]
    yield {
        "apiVersion": f"{api}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": within, "resourceRules": rules},
            # What a smaller grant would refuse today may still lose a finalizer, or be labelled.
            "matchConditions": [
                {
                    "name": "says-something-else",
                    "expression": "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec)"
                    " || object.spec != oldObject.spec",
                }
            ],
            "variables": [{"name": key, "expression": value} for key, value in _variables(grant, homes, gateways)],
            "validations": [
                {"expression": expression, "message": message} for expression, message in _validations(grant, homes)
            ],
        },
    }
    yield {
        "apiVersion": f"{api}/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def _variables(grant: GrantSpec, homes: tuple[str, ...], gateways: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What the rules speak of, as CEL. JSON's texts and lists are CEL's."""
    yield "deleted", "request.operation == 'DELETE'"
    yield "spec", "variables.deleted || !has(object.spec) ? {} : object.spec"
    yield "routes", "has(variables.spec.http) ? variables.spec.http : []"
    yield "inside", "has(variables.spec.gateways) ? variables.spec.gateways == ['mesh'] : true"
    yield "hosts", "has(variables.spec.hosts) ? variables.spec.hosts : []"
    yield "levels", "has(variables.spec.trafficPolicy) ? [variables.spec.trafficPolicy] : []"
    yield "subsets", "has(variables.spec.subsets) ? variables.spec.subsets.filter(s, has(s.trafficPolicy)) : []"
    yield "policies", "variables.levels + variables.subsets.map(s, s.trafficPolicy)"
    yield "exported", "has(variables.spec.exportTo) ? variables.spec.exportTo : ['*']"
    yield "services", _text(_pattern([f"*.{namespace}.svc.cluster.local" for namespace in grant.namespaces]))
    yield "granted", _text(_pattern(grant.hosts))
    yield "outside", _text(_pattern(grant.egress))
    yield "gateways", json.dumps(gateways)
    yield "seers", json.dumps([".", *grant.namespaces, *homes])


_GONE = "variables.deleted"
_ROUTE, _RULE, _ENTRY, _POLICY, _SERVICE = (f"request.resource.resource != '{resource}'" for resource in HELD)


def _validations(grant: GrantSpec, homes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What must be true, as CEL, and what is said where it is not."""
    yield from _of_routes(grant)
    yield from _of_others(grant, homes)


def _of_routes(grant: GrantSpec) -> Iterator[tuple[str, str]]:
    names = ", ".join(grant.hosts) or "none"
    own = ", ".join(grant.namespaces)
    # A delegate has no hosts: it is reached by a route of its own namespace, which has been judged.
    yield (
        f"{_GONE} || {_ROUTE} || variables.inside || variables.hosts.all(h, h.matches(variables.granted))",
        f"hosts of a route at a gateway must be granted to this team: {names}",
    )
    yield (
        f"{_GONE} || {_ROUTE} || !variables.inside || variables.hosts.all(h, h.matches(variables.services))",
        f"hosts of a route in the mesh must be Services of this team by their full names, in {own}",
    )
    yield (
        f"{_GONE} || {_ROUTE} || variables.inside || variables.spec.gateways.all(g, g in variables.gateways)",
        "gateways of a route must be granted ones, or mesh alone",
    )
    yield (
        f"{_GONE} || {_ROUTE} || (!has(variables.spec.tcp) && !has(variables.spec.tls))",
        "routes of bytes and of TLS have no part in a team's stack",
    )
    reached = "{0}.destination.host.matches(variables.services)"
    yield (
        f"{_GONE} || {_ROUTE} || variables.routes.all(r, (!has(r.route) || r.route.all(d, {reached.format('d')}))"
        " && (!has(r.mirror) || r.mirror.host.matches(variables.services))"
        f" && (!has(r.mirrors) || r.mirrors.all(m, {reached.format('m')})))",
        f"a route must lead to Services of this team by their full names, in {own}",
    )
    yield (
        f"{_GONE} || {_ROUTE} || variables.routes.all(r, !has(r.delegate) || !has(r.delegate.namespace)"
        f" || r.delegate.namespace in {json.dumps(grant.namespaces)})",
        f"a delegate must stand in {own}",
    )


def _of_others(grant: GrantSpec, homes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    own = ", ".join(grant.namespaces)
    yield (
        f"{_GONE} || {_RULE} || variables.spec.host.matches(variables.services)",
        f"a DestinationRule must be for a Service of this team by its full name, in {own}",
    )
    yield (
        f"{_GONE} || {_RULE} || !has(variables.spec.workloadSelector)",
        "a DestinationRule for some callers alone has no part in a team's stack",
    )
    yield (
        f"{_GONE} || {_RULE} || variables.policies.all(p, {_mutual('p')} && (!has(p.portLevelSettings)"
        f" || p.portLevelSettings.all(l, {_mutual('l')})))",
        "a DestinationRule's TLS must be the mesh's own (ISTIO_MUTUAL): gateways go by it, with Secrets of theirs",
    )
    yield (
        f"{_GONE} || {_ENTRY} || variables.hosts.all(h, h.matches(variables.outside))",
        f"hosts outside the mesh must be granted as egress: {', '.join(grant.egress) or 'none'}",
    )
    yield (
        f"{_GONE} || {_ENTRY} || (!has(variables.spec.addresses) && !has(variables.spec.endpoints)"
        " && !has(variables.spec.workloadSelector))",
        "an outside host must be found by DNS: addresses and endpoints could be anybody's",
    )
    yield (
        f"{_GONE} || {_ENTRY} || has(variables.spec.resolution)"
        " && variables.spec.resolution in ['DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']",
        "an outside host must be looked up (resolution DNS): with NONE its name leads to any address",
    )
    yield (
        f"{_GONE} || {_SERVICE} || (!has(variables.spec.externalIPs) && !has(variables.spec.externalName))",
        "a Service must lead to pods: externalName and externalIPs lead a gateway's or others' traffic elsewhere",
    )
    yield (
        f"{_GONE} || request.resource.resource in ['authorizationpolicies', 'services']"
        " || variables.exported.all(e, e in variables.seers)",
        f"exportTo must be said, with no others than '.', {', '.join((*grant.namespaces, *homes))}",
    )
    yield (
        f"{_GONE} || {_POLICY} || !has(variables.spec.targetRefs) && !has(variables.spec.targetRef)",
        "a policy must select pods of its namespace by labels, and not by targetRefs",
    )
    yield (
        f"{_GONE} || {_POLICY} || !has(variables.spec.action) || variables.spec.action in ['ALLOW', 'DENY']",
        "a policy must be ALLOW or DENY: who is asked from outside (CUSTOM) is the platform's choice",
    )
    yield (
        f"!({_by_the_team(grant)}) || !(request.name in {json.dumps(PLATFORMS)})",
        "this object is the platform's: without it the namespace would be open to every caller",
    )


def _mutual(policy: str) -> str:
    return f"(!has({policy}.tls) || {policy}.tls.mode == 'ISTIO_MUTUAL')"


def _by_the_team(grant: GrantSpec) -> str:
    users = [account.user for account in grant.accounts if account.user is not None]
    users += [
        f"system:serviceaccount:{account.namespace}:{account.service_account}"
        for account in grant.accounts
        if account.service_account is not None
    ]
    groups = [account.group for account in grant.accounts if account.group is not None]
    asked = [f"request.userInfo.username in {json.dumps(users)}"] if users else []
    asked += [f"request.userInfo.groups.exists(g, g in {json.dumps(groups)})"] if groups else []
    return " || ".join(asked) or "false"


def _pattern(hosts: Iterable[str]) -> str:
    """A regular expression of RE2 for names and wildcards; one that matches nothing where there are none."""
    forms = [
        rf"(\*|[-a-z0-9]+)(\.[-a-z0-9]+)*{re.escape(host[1:])}" if host.startswith("*.") else re.escape(host)
        for host in hosts
    ]
    return f"^({'|'.join(forms)})$" if forms else "^$x"


def _text(value: str) -> str:
    return json.dumps(value)


class Grants(pulumi.ComponentResource):
    """What holds the teams of a platform's stack."""

    def __init__(
        self, name: str, mesh: Mesh, namespaces: Mapping[str, pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> None:
        """`namespaces` are those that this stack makes."""
        super().__init__("chatgpt-mesh:platform:Grants", name, None, opts)
        for team, grant in mesh.spec.grants.items():
            used = [mesh.gateways[gateway] for gateway in grant.gateways]
            homes = sorted({gateway.home for gateway in used})
            for manifest in manifests(team, grant, homes, [f"{one.home}/{one.name}" for one in used]):
                home = manifest["metadata"].get("namespace", "")
                before = [namespaces[home]] if home in namespaces else []
                key = "/".join(part for part in (manifest["kind"], home, manifest["metadata"]["name"]) if part)
                KubernetesObject(key, manifest, pulumi.ResourceOptions(parent=self, depends_on=before))
        self.register_outputs({})
