"""B56: what goes over a team's border by hand is refused by the API server, by the rights and the policy of its grant.

The stacks themselves, and the program's refusals: `test_team_stacks.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running_lab import eventually
from tests.lab.team_stacks import OUTSIDE, Team, held_team, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.running_lab import RunningLab


@pytest.fixture(scope="module")
def billing(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with held_team(lab, tmp_path_factory.mktemp("b56")) as team:
        yield team


NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"
OWN_HOST, OWN_SERVICE = "new.billing.example.com", "invoices.billing.svc.cluster.local"
POLICY = "ValidatingAdmissionPolicy 'chatgpt-mesh-team-billing'"
FORBIDDEN = "is forbidden: User"


def thing(kind: str, spec: Mapping[str, Any], *, namespace: str = "billing", api: str = NETWORKING) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "over", "namespace": namespace}, "spec": spec}


def route(*, own: bool = True, **changes: Any) -> dict[str, Any]:
    http = [{"route": [{"destination": {"host": OWN_SERVICE}}]}]
    spec = {"hosts": [OWN_HOST], "gateways": ["istio-ingress/public"], "exportTo": ["istio-ingress"], "http": http}
    return thing("VirtualService", {**spec, **changes}, namespace="billing" if own else "travel")


def leading_to(host: str) -> list[dict[str, Any]]:
    return [{"route": [{"destination": {"host": host}}]}]


def entry(host: str, **changes: Any) -> dict[str, Any]:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return thing("ServiceEntry", {"hosts": [host], "ports": ports, "resolution": "DNS", "exportTo": ["."], **changes})


def rule(**changes: Any) -> dict[str, Any]:
    return thing("DestinationRule", {"host": OWN_SERVICE, "exportTo": ["istio-ingress"], **changes})


def service(**spec: Any) -> dict[str, Any]:
    return thing("Service", spec, api="v1")


TRIPS = "trips.travel.svc.cluster.local"
JWT = {"jwtRules": [{"issuer": "https://evil.example", "jwksUri": "https://evil.example/keys"}]}
RBAC = "rbac.authorization.k8s.io/v1"
BINDING = {
    "apiVersion": RBAC,
    "kind": "RoleBinding",
    "metadata": {"name": "over", "namespace": "billing"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "ServiceAccount", "name": "deploy", "namespace": "billing"}],
}
ROLE = {
    "apiVersion": RBAC,
    "kind": "Role",
    "metadata": {"name": "over", "namespace": "billing"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
}

CREATED: dict[str, tuple[dict[str, Any], str]] = {
    "another-teams-host": (route(hosts=["travel.example.com"]), POLICY),
    "every-host": (route(hosts=["*"]), POLICY),
    "a-host-that-shadows-others": (route(hosts=["*.example.com"]), POLICY),
    "a-host-of-the-platform": (route(hosts=["mcp.example.com"]), POLICY),
    "one-granted-host-and-another": (route(hosts=[OWN_HOST, "travel.example.com"]), POLICY),
    "a-host-that-ends-alike": (route(hosts=["evilbilling.example.com"]), POLICY),
    "a-gateway-that-is-not-granted": (route(gateways=["istio-internal/internal"]), POLICY),
    "a-gateway-and-the-mesh": (route(gateways=["mesh", "istio-ingress/public"]), POLICY),
    "a-route-in-the-mesh-for-anothers-service": (
        route(hosts=[TRIPS], gateways=["mesh"], exportTo=["."]),
        POLICY,
    ),
    "a-route-in-the-mesh-by-default": (
        thing("VirtualService", {"hosts": [TRIPS], "exportTo": ["."], "http": leading_to(OWN_SERVICE)}),
        POLICY,
    ),
    "a-route-that-everybody-sees": (route(exportTo=["*"]), POLICY),
    "a-route-without-exportTo": (
        thing(
            "VirtualService",
            {"hosts": [OWN_HOST], "gateways": ["istio-ingress/public"], "http": leading_to(OWN_SERVICE)},
        ),
        POLICY,
    ),
    "a-route-seen-by-another-team": (route(exportTo=["istio-ingress", "travel"]), POLICY),
    "a-route-to-anothers-service": (route(http=leading_to(TRIPS)), POLICY),
    "a-route-to-a-short-name": (route(http=leading_to("invoices")), POLICY),
    "a-mirror-to-anothers-service": (
        route(http=[{**leading_to(OWN_SERVICE)[0], "mirror": {"host": TRIPS}}]),
        POLICY,
    ),
    "a-delegate-of-another-namespace": (
        route(http=[{"delegate": {"name": "trips", "namespace": "travel"}}]),
        POLICY,
    ),
    "a-route-of-bytes": (
        route(tcp=[{"route": [{"destination": {"host": OWN_SERVICE}}]}]),
        POLICY,
    ),
    "a-route-in-another-teams-namespace": (route(own=False), FORBIDDEN),
    "a-rule-for-anothers-service": (thing("DestinationRule", {"host": TRIPS, "exportTo": ["."]}), POLICY),
    "a-rule-for-every-service": (thing("DestinationRule", {"host": "*.svc.cluster.local", "exportTo": ["."]}), POLICY),
    "a-rule-that-everybody-sees": (thing("DestinationRule", {"host": OWN_SERVICE, "exportTo": ["*"]}), POLICY),
    "a-rule-without-the-meshs-tls": (rule(trafficPolicy={"tls": {"mode": "DISABLE"}}), POLICY),
    "a-rule-with-a-gateways-secret": (
        rule(trafficPolicy={"tls": {"mode": "MUTUAL", "credentialName": "example-com-tls"}}),
        POLICY,
    ),
    "a-rule-without-it-for-a-port": (
        rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]}),
        POLICY,
    ),
    "a-rule-without-it-for-a-version": (
        rule(subsets=[{"name": "v1", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}]),
        POLICY,
    ),
    "a-service-that-is-a-name-elsewhere": (service(type="ExternalName", externalName=TRIPS), POLICY),
    "a-service-with-an-address-of-others": (
        service(selector={"app": "invoices"}, ports=[{"port": 80}], externalIPs=["10.0.0.1"]),
        POLICY,
    ),
    "an-outside-host-at-any-address": (entry(OUTSIDE, resolution="NONE"), POLICY),
    "an-outside-host-that-is-not-granted": (entry("evil.example.net"), POLICY),
    "an-outside-entry-for-another-teams-host": (entry("travel.example.com"), POLICY),
    "an-outside-entry-with-an-address": (
        entry(OUTSIDE, resolution="STATIC", endpoints=[{"address": "10.0.0.1"}]),
        POLICY,
    ),
    "an-outside-entry-that-everybody-sees": (entry(OUTSIDE, exportTo=["*"]), POLICY),
    "a-policy-by-targetRefs": (
        thing(
            "AuthorizationPolicy",
            {"targetRefs": [{"kind": "Service", "group": "", "name": "invoices"}], "rules": [{}]},
            api=SECURITY,
        ),
        POLICY,
    ),
    "a-policy-that-asks-outside": (
        thing("AuthorizationPolicy", {"action": "CUSTOM", "provider": {"name": "x"}, "rules": [{}]}, api=SECURITY),
        POLICY,
    ),
    "a-policy-at-the-gateway": (
        thing(
            "AuthorizationPolicy",
            {"selector": {"matchLabels": {"istio": "ingressgateway"}}, "action": "DENY", "rules": [{}]},
            namespace="istio-ingress",
            api=SECURITY,
        ),
        FORBIDDEN,
    ),
    "a-policy-for-the-mesh": (
        thing("AuthorizationPolicy", {"action": "DENY", "rules": [{}]}, namespace="istio-system", api=SECURITY),
        FORBIDDEN,
    ),
    "tokens-of-an-issuer-that-is-not-granted": (thing("RequestAuthentication", JWT, api=SECURITY), FORBIDDEN),
    "tokens-for-the-mesh": (
        thing("RequestAuthentication", JWT, namespace="istio-system", api=SECURITY),
        FORBIDDEN,
    ),
    "plaintext": (thing("PeerAuthentication", {"mtls": {"mode": "DISABLE"}}, api=SECURITY), FORBIDDEN),
    "an-envoyfilter": (
        {**thing("EnvoyFilter", {"configPatches": []}), "apiVersion": "networking.istio.io/v1alpha3"},
        FORBIDDEN,
    ),
    "an-envoyfilter-at-the-gateway": (
        {
            **thing("EnvoyFilter", {"configPatches": []}, namespace="istio-ingress"),
            "apiVersion": "networking.istio.io/v1alpha3",
        },
        FORBIDDEN,
    ),
    "a-sidecar": (thing("Sidecar", {"egress": [{"hosts": ["*/*"]}]}), FORBIDDEN),
    "a-telemetry": (
        thing("Telemetry", {"accessLogging": [{"disabled": True}]}, api="telemetry.istio.io/v1"),
        FORBIDDEN,
    ),
    "a-wasmplugin": (
        thing("WasmPlugin", {"url": "oci://evil.example/x"}, api="extensions.istio.io/v1alpha1"),
        FORBIDDEN,
    ),
    "a-trafficextension": (
        thing("TrafficExtension", {"lua": {"inlineCode": "x"}}, api="extensions.istio.io/v1alpha1"),
        FORBIDDEN,
    ),
    "a-proxyconfig": (thing("ProxyConfig", {"concurrency": 1}, api="networking.istio.io/v1beta1"), FORBIDDEN),
    "a-gateway-on-the-public-pods": (
        thing(
            "Gateway",
            {
                "selector": {"istio": "ingressgateway"},
                "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
            },
        ),
        FORBIDDEN,
    ),
    "a-workload-that-is-no-pod": (thing("WorkloadEntry", {"address": "10.0.0.1"}), FORBIDDEN),
    "a-binding-to-more-rights": (BINDING, FORBIDDEN),
    "a-role-with-all-rights": (ROLE, FORBIDDEN),
}


@pytest.mark.parametrize("what", list(CREATED))
def test_the_cluster_refuses_to_create(billing: Team, what: str) -> None:
    manifest, by = CREATED[what]
    done = billing.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(manifest))
    assert done.returncode != 0, done.stdout
    assert by in done.stderr, done.stderr


PATCHES: dict[str, tuple[tuple[str, ...], str]] = {
    "an-update-of-another-teams-route": (
        (
            "patch",
            "virtualservices",
            "trips",
            "-n",
            "travel",
            "--type=merge",
            "-p",
            '{"spec":{"hosts":["x.example.com"]}}',
        ),
        FORBIDDEN,
    ),
    "an-update-of-its-own-route-to-anothers-host": (
        (
            "patch",
            "virtualservices",
            "invoices",
            "-n",
            "billing",
            "--type=merge",
            "-p",
            '{"spec":{"hosts":["travel.example.com"]}}',
        ),
        POLICY,
    ),
    "a-delete-of-another-teams-route": (("delete", "virtualservices", "trips", "-n", "travel"), FORBIDDEN),
    "a-delete-of-the-platforms-denial": (
        ("delete", "authorizationpolicies", "allow-nothing", "-n", "billing"),
        POLICY,
    ),
    "an-update-of-the-platforms-denial": (
        (
            "patch",
            "authorizationpolicies",
            "allow-nothing",
            "-n",
            "billing",
            "--type=merge",
            "-p",
            '{"spec":{"rules":[{}]}}',
        ),
        POLICY,
    ),
    "a-label-of-its-namespace": (("label", "namespace", "billing", "istio.io/rev-"), FORBIDDEN),
    "an-edit-of-the-admission-policy": (
        ("delete", "validatingadmissionpolicies", "chatgpt-mesh-team-billing"),
        FORBIDDEN,
    ),
    "a-look-at-the-gateways-keys": (("get", "secrets", "-n", "istio-ingress"), FORBIDDEN),
    "an-edit-of-the-mesh-configuration": (
        ("patch", "configmap", "istio", "-n", "istio-system", "--type=merge", "-p", '{"data":{}}'),
        FORBIDDEN,
    ),
}


@pytest.mark.parametrize("what", list(PATCHES))
def test_the_cluster_refuses(billing: Team, what: str) -> None:
    arguments, by = PATCHES[what]
    dry = [] if arguments[0] == "get" else ["--dry-run=server"]
    done = billing.kubectl(*arguments, *dry)
    assert done.returncode != 0, done.stdout
    assert by in done.stderr or "cannot" in done.stderr, done.stderr


ALLOWED: dict[str, dict[str, Any]] = {
    "a-route-of-its-own": route(),
    "an-outside-host-that-is-granted": entry(OUTSIDE),
    "a-rule-of-its-own": thing("DestinationRule", {"host": OWN_SERVICE, "exportTo": [".", "istio-ingress"]}),
    "a-policy-of-its-own": thing(
        "AuthorizationPolicy",
        {"selector": {"matchLabels": {"app": "invoices"}}, "action": "DENY", "rules": [{}]},
        api=SECURITY,
    ),
}


@pytest.mark.parametrize("what", list(ALLOWED))
def test_the_cluster_takes(billing: Team, what: str) -> None:
    done = billing.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(ALLOWED[what]))
    assert done.returncode == 0, done.stderr


def test_without_the_policy_the_rights_alone_let_a_team_take_anothers_host(lab: RunningLab, billing: Team) -> None:
    """Last, since the API server takes seconds to forget a policy and to know it again."""
    stolen = json.dumps(CREATED["another-teams-host"][0])

    def taken() -> bool:
        return billing.kubectl("create", "--dry-run=server", "--filename=-", stdin=stolen).returncode == 0

    assert not taken()
    with without(lab, "validatingadmissionpolicybinding", "chatgpt-mesh-team-billing"):
        eventually(taken, within=30, what="the policy is gone")
    eventually(lambda: not taken(), within=30, what="the policy is back")
