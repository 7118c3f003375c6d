"""B32: no host that is not on the list, no allowed host from another app, no way around by address."""

from __future__ import annotations

from typing import Any

import pytest

from lab.workloads.internet import SITES
from tests.lab.running_lab import Pod, RunningLab, fails
from tests.lab.test_b31_egress_through_gateway import HOST, ask

UNLISTED = SITES["unlisted"].names[0]


def allowed(lab: RunningLab) -> Pod:
    return lab.mcp_pods()[0]


def other_app(lab: RunningLab) -> Pod:
    return lab.pod(lab.namespace, "chatgpt-api")


def check_unlisted(lab: RunningLab) -> None:
    reply = ask(allowed(lab), UNLISTED, verify=False)
    assert reply.status == 0, f"{UNLISTED} was reached: {reply}"


def check_other_apps(lab: RunningLab) -> None:
    for pod in (other_app(lab), lab.pod(lab.namespace, "chatgpt-frontend")):
        reply = ask(pod, HOST, verify=False)
        assert reply.status == 0, f"{pod.name} reached {HOST}: {reply}"


def check_by_address(lab: RunningLab) -> None:
    pod = allowed(lab)
    for site in ("unlisted", "openai"):
        for name in (UNLISTED, SITES[site].address):
            reply = ask(pod, name, address=SITES[site].address, verify=False)
            assert reply.status == 0, f"{SITES[site].address} as {name} was reached: {reply}"


def test_a_host_that_is_not_on_the_list_is_blocked(lab: RunningLab) -> None:
    check_unlisted(lab)


def test_an_allowed_host_is_blocked_for_other_apps(lab: RunningLab) -> None:
    check_other_apps(lab)


def test_an_address_is_no_way_around(lab: RunningLab) -> None:
    check_by_address(lab)


def test_an_allowed_name_does_not_lead_to_another_address(lab: RunningLab) -> None:
    """The gateway resolves the name itself: who names an allowed host and dials another gets the allowed one."""
    reply = ask(allowed(lab), HOST, address=SITES["unlisted"].address)
    assert reply.status == 0 or reply.json()["site"] == HOST, str(reply)


@pytest.mark.parametrize("check", [check_unlisted, check_by_address])
def test_it_is_the_registry_only_scope_that_blocks(lab: RunningLab, check: Any) -> None:
    def all_out(sidecar: dict[str, Any]) -> None:
        sidecar["spec"]["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY"}

    with lab.objects.edited("Sidecar", lab.namespace, "chatgpt-mcp", all_out), fails():
        check(lab)


def test_it_is_scope_and_gateway_policy_that_block_other_apps(lab: RunningLab) -> None:
    """Two layers: an app whose own sidecar knows the host still meets the gateway's policy."""

    def knows_the_host(sidecar: dict[str, Any]) -> None:
        sidecar["spec"]["egress"][0]["hosts"].append(f"istio-egress/{HOST}")

    def anybody(policy: dict[str, Any]) -> None:
        for rule in policy["spec"]["rules"]:
            rule.pop("from")

    with lab.objects.edited("Sidecar", lab.namespace, "chatgpt-api", knows_the_host):
        check_other_apps(lab)
        policies = [
            name
            for name in lab.objects.names("AuthorizationPolicy", "istio-egress")
            if HOST in str(lab.objects.get("AuthorizationPolicy", "istio-egress", name)["spec"])
        ]
        with lab.objects.edited("AuthorizationPolicy", "istio-egress", policies[0], anybody), fails():
            check_other_apps(lab)
