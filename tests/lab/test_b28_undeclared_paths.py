"""B28: from outside there are the declared paths and nothing else, however spelt; the app never sees the rest."""

from __future__ import annotations

from typing import Any

from lab.workloads.request import send_all
from tests.lab.running_lab import RunningLab, fails, marked, new_id

UNDECLARED = (
    "/",
    "/metrics",
    "/stats/prometheus",
    "/healthz/ready",
    "/mcp/",
    "/mcp/tools",
    "//mcp",
    "/MCP",
    "/mcp;x",
    "/mcp%2f..",
    "/mcp%2F..%2Fmetrics",
    "/mcp/../metrics",
    "/./metrics",
    "/mcp%00",
    "/mcp\\..\\metrics",
    "/%6dcp/x",
    "/api/v1",
    "/api/v2/orders",
    "/api/v1/../../metrics",
    "/api/v1/..%2f..%2fmetrics",
    "/api/v1//orders",
    "/health/",
    "/health/ready",
    "/requests",
    "/.well-known/openid-configuration",
)


def check_undeclared(lab: RunningLab) -> None:
    test_id = new_id("path")
    headers = {"authorization": f"Bearer {lab.token()}"}
    requests = [
        marked(lab.public.request(f"https://{lab.host}{path}", method=method, headers=headers), test_id)
        for path in UNDECLARED
        for method in ("GET", "POST")
    ]
    replies = send_all(requests, parallel=4)
    wrong = [
        (request.method, request.url, str(reply))
        for request, reply in zip(requests, replies, strict=True)
        if reply.status not in {400, 403, 404}
    ]
    assert not wrong, "\n".join(map(str, wrong))
    seen = [(request["method"], request["path"]) for request in lab.seen(test_id)]
    assert not seen, seen


def test_undeclared_paths_do_not_exist(lab: RunningLab) -> None:
    check_undeclared(lab)


def test_declared_paths_do(lab: RunningLab) -> None:
    headers = {"authorization": f"Bearer {lab.token()}"}
    assert lab.public.send(f"https://{lab.host}/health").status == 200
    orders = lab.public.send(f"https://{lab.host}/api/v1/orders", headers=headers)
    assert (orders.status, orders.json()["app"]) == (200, "chatgpt-api"), str(orders)


def test_it_is_routes_and_policies_together_that_hide_them(lab: RunningLab) -> None:
    """Two layers: a catch-all route alone meets the app's policy, a policy without paths alone meets no route."""

    def catch_all(service: dict[str, Any]) -> None:
        plain = next(route for route in service["spec"]["http"] if route["name"].endswith(".health"))
        service["spec"]["http"].append({"name": "catch-all", "route": plain["route"]})

    def any_path(policy: dict[str, Any]) -> None:
        for rule in policy["spec"]["rules"]:
            for target in rule["to"]:
                for field in ("paths", "methods"):
                    target["operation"].pop(field, None)

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", catch_all):
        seen_behind_one_layer = new_id("layer")
        reply = lab.public.send(f"https://{lab.host}/metrics", headers={"x-test-id": seen_behind_one_layer})
        assert reply.status == 403, str(reply)
        assert not lab.seen(seen_behind_one_layer)
        with lab.objects.edited("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers", any_path), fails():
            check_undeclared(lab)
