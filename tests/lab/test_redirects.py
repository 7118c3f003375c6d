"""Redirects: an old host leads to the main one with path and query, a path to another, and neither opens anything."""

from __future__ import annotations

from dataclasses import replace

from chatgpt_mesh.mesh.specs.hosts import HostSpec
from chatgpt_mesh.mesh.specs.redirects import RedirectSpec
from chatgpt_mesh.mesh.specs.routes import RouteSpec
from lab.workloads.request import Request, send
from tests.lab.running_lab import RunningLab, marked, new_id


def unverified(request: Request) -> Request:
    """The lab's certificate names the hosts of the shipped stack."""
    return replace(request, ca_file=None)


def test_an_old_host_and_an_old_path_lead_on(lab: RunningLab) -> None:
    app, old = lab.stack.apps["chatgpt-mcp"], f"old-{lab.host}"
    test_id = new_id("redirect")
    changes = {
        "further_hosts": (*app.further_hosts, HostSpec(host=old, gateway="public", redirect=308)),
        "routes": (*app.routes, RouteSpec(exact="/old", redirect=RedirectSpec(path="/health", status=302))),
    }
    with lab.declaring_app(**changes):
        for method in ("GET", "POST"):
            request = lab.public.request(f"https://{old}/mcp?a=b", method=method)
            reply = send(marked(unverified(request), test_id))
            assert (reply.status, reply.header("location")) == (308, f"https://{lab.host}/mcp?a=b")
        reply = lab.public.send(f"https://{lab.host}/old?a=b")
        assert (reply.status, reply.header("location")) == (302, f"https://{lab.host}/health?a=b")
        assert lab.public.send(f"https://{lab.host}/old", method="POST").status == 405
        foreign = send(
            unverified(lab.public.request(f"https://{old}/", headers={"origin": "https://evil.example.net"}))
        )
        assert foreign.status == 403
        assert not lab.seen(test_id)
    assert lab.public.send(f"https://{lab.host}/old").status == 404
