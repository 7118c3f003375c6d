"""What the cluster holds a team to. The API server itself judges the CEL: `tests/lab/test_b56_teams.py`."""

from __future__ import annotations

from typing import Any

from chatgpt_mesh.components.grants import manifests
from chatgpt_mesh.mesh.specs.grants import GrantSpec
from tests.unit.team_stack import BILLING

NEVER = {
    "envoyfilters",
    "sidecars",
    "wasmplugins",
    "trafficextensions",
    "proxyconfigs",
    "workloadentries",
    "workloadgroups",
    "gateways",
    "peerauthentications",
    "requestauthentications",
    "telemetries",
    "roles",
    "rolebindings",
    "pods/exec",
    "networkpolicies",
    "*",
}


def of(**changes: Any) -> dict[str, dict[str, Any]]:
    grant = GrantSpec.model_validate({**BILLING, "issuers": [], **changes}).named("billing")
    found = manifests("billing", grant, ["istio-ingress"], ["istio-ingress/public"])
    return {one["kind"]: one for one in found}


def resources(role: dict[str, Any], *, writing: bool) -> set[str]:
    return {
        resource
        for rule in role["rules"]
        for resource in rule["resources"]
        if not writing or set(rule["verbs"]) & {"create", "update", "patch", "delete"}
    }


def test_a_team_has_rights_to_no_kind_that_reaches_beyond_its_apps() -> None:
    found = of()
    assert not resources(found["Role"], writing=False) & NEVER
    assert "namespaces" not in resources(found["Role"], writing=True)
    assert found["Role"]["metadata"]["namespace"] == "billing"
    assert "ClusterRole" not in found


def test_outside_hosts_are_written_only_where_some_are_granted() -> None:
    assert "serviceentries" in resources(of()["Role"], writing=True)
    assert "serviceentries" not in resources(of(egress=[])["Role"], writing=True)


def test_each_kind_of_account_is_bound() -> None:
    accounts = [
        {"user": "ada@example.com"},
        {"group": "billing@example.com"},
        {"service_account": "deploy", "namespace": "ci"},
    ]
    found = of(accounts=accounts)
    assert [one["kind"] for one in found["RoleBinding"]["subjects"]] == ["User", "Group", "ServiceAccount"]
    last = found["ValidatingAdmissionPolicy"]["spec"]["validations"][-1]["expression"]
    for name in ("ada@example.com", "billing@example.com", "system:serviceaccount:ci:deploy"):
        assert name in last
    assert "RoleBinding" not in of(accounts=[])


def test_the_policy_fails_closed_and_holds_in_the_teams_namespaces() -> None:
    spec = of()["ValidatingAdmissionPolicy"]["spec"]
    assert spec["failurePolicy"] == "Fail"
    (within,) = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert within["values"] == ["billing"]
    assert of()["ValidatingAdmissionPolicyBinding"]["spec"]["validationActions"] == ["Deny"]


def test_without_hosts_no_route_at_a_gateway_passes() -> None:
    variables = {
        one["name"]: one["expression"] for one in of(hosts=[])["ValidatingAdmissionPolicy"]["spec"]["variables"]
    }
    assert variables["granted"] == '"^$x"'
