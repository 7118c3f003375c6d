"""A web UI at `/` beside the MCP path: it answers without a token, and no spelling of the MCP path leads to it."""

from __future__ import annotations

from chatgpt_mesh.mesh.specs.routes import RouteSpec
from lab.workloads.request import send, send_all
from tests.lab.running_lab import RunningLab, marked, new_id

AROUND = (
    *("/mcp/", "/mcp/x", "/MCP", "/Mcp/", "//mcp", "/mcp//", "/mcp.json", "/mcp;x", "/mcp%2f", "/mcp%2fx", "/mcp%20"),
    *("/mcp%09", "/mcp,x", "/mcp:x", "/%2fmcp", "/x/..%2fmcp", "/mcp\\x", "/mcp%5cx", "/mcp%00", "/MCP%2E"),
)
RESOLVED = ("/./mcp", "/x/../mcp", "/%6dcp", "/%6Dc%70", "/mcp?x=/ui")


def test_no_spelling_of_the_mcp_path_leads_to_the_ui(lab: RunningLab) -> None:
    app = lab.stack.apps["chatgpt-mcp"]
    url, test_id = f"https://{lab.host}", new_id("ui")
    with lab.declaring_app(routes=(*app.routes, RouteSpec(prefix="/", auth="none", methods=("GET", "POST")))):
        around = [
            marked(lab.public.request(f"{url}{path}", method=method), test_id)
            for path in AROUND
            for method in ("GET", "POST")
        ]
        replies = send_all(around, parallel=4)
        passed = [
            (r.method, r.url, p.status) for r, p in zip(around, replies, strict=True) if p.status not in {400, 404}
        ]
        assert not passed
        for path in ("/mcp", *RESOLVED):
            assert send(marked(lab.public.request(f"{url}{path}", method="POST"), test_id)).status == 401
            assert send(marked(lab.public.request(f"{url}{path}", method="PUT"), test_id)).status == 405
        assert not lab.seen(test_id)
        for path in ("/", "/index.html", "/mcpx"):
            ui = new_id("ui")
            send(marked(lab.public.request(f"{url}{path}"), ui))
            assert [request["path"] for request in lab.seen(ui)] == [path]
        assert send(lab.call("ping")).status == 200
    assert lab.public.send(f"{url}/index.html").status == 404
