"""Maintenance: the whole host answers 503 with the declared text, the app sees nothing, and then all is as before."""

from __future__ import annotations

from datetime import timedelta

from chatgpt_mesh.mesh.specs.maintenance import AppMaintenanceSpec
from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.lab.running_lab import RunningLab, marked, new_id

CLOSED = AppMaintenanceSpec(body="Back at noon.\n", retry_after=timedelta(minutes=30))
PATHS = ("/", "/mcp", "/health", "/api/v1/orders", "/.well-known/oauth-protected-resource", "/undeclared")


def test_the_whole_host_is_closed_and_opens_again(lab: RunningLab) -> None:
    assert send(lab.call("ping")).status == 200
    test_id = new_id("maintenance")
    with lab.declaring_app(maintenance=CLOSED):
        for path in PATHS:
            for method in ("GET", "POST", "DELETE"):
                request = lab.public.request(f"https://{lab.host}{path}", method=method)
                reply = send(marked(request, test_id))
                assert (reply.status, reply.body, reply.header("retry-after")) == (503, "Back at noon.\n", "1800")
        assert send(marked(lab.call("ping"), test_id)).status == 503
        assert send(lab.call("ping", token=lab.token(Sort.EXPIRED))).status == 401
        foreign = lab.public.send(f"https://{lab.host}/", headers={"origin": "https://evil.example.net"})
        assert foreign.status == 403
        assert not lab.seen(test_id)
    assert send(lab.call("ping")).status == 200
    assert send(lab.call("ping", token="")).status == 401
