"""B26: who is listed may call; another service account of the same namespace and one of another namespace may not."""

from __future__ import annotations

from lab.workloads.request import Reply, Request
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, eventually, fails, marked, new_id


def call_from(lab: RunningLab, namespace: str, app: str, test_id: str = "", path: str = "/mcp") -> Reply:
    request = Request(
        url=f"http://chatgpt-mcp.{lab.namespace}.svc.cluster.local:8080{path}",
        method="POST",
        headers=JSON_RPC_HEADERS,
        body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
    )
    (reply,) = lab.pod(namespace, app).send(marked(request, test_id))
    return reply


def check_strangers(lab: RunningLab) -> None:
    for namespace, app in ((lab.namespace, "chatgpt-batch"), ("other-team", "reporting")):
        test_id = new_id(app)
        reply = call_from(lab, namespace, app, test_id)
        assert reply.status == 403, f"{app}.{namespace}: {reply}"
        assert not lab.seen(test_id)


def test_a_listed_caller_is_answered(lab: RunningLab) -> None:
    reply = call_from(lab, lab.namespace, "chatgpt-frontend")
    assert reply.status == 200, str(reply)


def test_a_listed_caller_gets_no_other_path(lab: RunningLab) -> None:
    for path in ("/metrics", "/health", "/mcp/", "/api/v1/orders"):
        reply = call_from(lab, lab.namespace, "chatgpt-frontend", path=path)
        assert reply.status in {403, 404}, f"{path}: {reply}"


def test_strangers_are_refused(lab: RunningLab) -> None:
    check_strangers(lab)


def test_it_is_the_policies_that_refuse(lab: RunningLab) -> None:
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers", "allow-nothing"), fails():
        check_strangers(lab)


def test_it_is_the_list_that_admits(lab: RunningLab) -> None:
    """Without its own ALLOW the app is closed to everybody: what is not declared is denied."""
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers"):
        eventually(
            lambda: call_from(lab, lab.namespace, "chatgpt-frontend").status == 403,
            within=5,
            what="nobody is let in",
        )
