"""B27: a listed caller that names another host of the stack is refused: no host's policy is a way into another app."""

from __future__ import annotations

from typing import Any

from lab.workloads.request import Reply, Request
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, fails, marked, new_id

CHOICE = "x-send-as-host"


def other_hosts(lab: RunningLab) -> list[str]:
    """Every host of the stack but the app's own names in the mesh."""
    hosts = [rule.host.replace("*", "storage") for rule in lab.stack.egress.allow if rule.host]
    for name, app in lab.stack.apps.items():
        hosts += [*([app.host] if app.host else []), *(further.host for further in app.further_hosts)]
        if name != "chatgpt-mcp":
            hosts.append(f"{name}.{app.namespace}.svc.cluster.local")
    return list(dict.fromkeys(hosts))


def own_host(lab: RunningLab) -> str:
    return f"chatgpt-mcp.{lab.namespace}.svc.cluster.local"


def caller_chooses_the_host(lab: RunningLab, hosts: list[str]):
    """The caller's sidecar as an attacker would have it: it names the host that the request asks for."""

    def edit(service: dict[str, Any]) -> None:
        plain = service["spec"]["http"][-1]
        chosen = [
            {
                **plain,
                "name": f"send-as-{number}",
                "match": [{"headers": {CHOICE: {"exact": host}}}],
                "rewrite": {"authority": host},
            }
            for number, host in enumerate(hosts)
        ]
        service["spec"]["http"] = [*chosen, *service["spec"]["http"]]

    return lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp-mesh", edit)


def call_as(lab: RunningLab, host: str, test_id: str = "") -> Reply:
    request = Request(
        url=f"http://{own_host(lab)}:8080/mcp",
        method="POST",
        headers={**JSON_RPC_HEADERS, CHOICE: host},
        body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
    )
    (reply,) = lab.pod(lab.namespace, "chatgpt-frontend").send(marked(request, test_id))
    return reply


def check_other_hosts_are_refused(lab: RunningLab) -> None:
    for host in other_hosts(lab):
        test_id = new_id("host")
        reply = call_as(lab, host, test_id)
        assert reply.status == 403, f"{host}: {reply}"
        assert not lab.seen(test_id)


def test_every_other_host_of_the_stack_is_refused(lab: RunningLab) -> None:
    assert "api.openai.com" in other_hosts(lab)
    with caller_chooses_the_host(lab, [own_host(lab), *other_hosts(lab)]):
        assert call_as(lab, own_host(lab)).status == 200
        check_other_hosts_are_refused(lab)


def test_through_the_gateway_the_host_cannot_be_chosen(lab: RunningLab) -> None:
    for host in ("api.openai.com", own_host(lab), f"{own_host(lab)}:8080"):
        test_id = new_id("edge")
        reply = lab.public.send(lab.mcp_url, method="POST", headers={"host": host, "x-test-id": test_id})
        assert reply.status == 404, f"{host}: {reply}"
        assert not lab.seen(test_id)


def test_it_is_the_host_in_the_policy_that_refuses(lab: RunningLab) -> None:
    def any_host(policy: dict[str, Any]) -> None:
        for rule in policy["spec"]["rules"]:
            for target in rule["to"]:
                target["operation"].pop("hosts", None)

    with (
        caller_chooses_the_host(lab, other_hosts(lab)),
        lab.objects.edited("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers", any_host),
        fails(),
    ):
        check_other_hosts_are_refused(lab)
