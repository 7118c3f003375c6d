"""Headers of every answer: of the app, of routes, and of what the gateway refuses before any route."""

from __future__ import annotations

from chatgpt_mesh.mesh.specs.routes import HeaderChangesSpec
from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.lab.running_lab import RunningLab

NAME, VALUE = "strict-transport-security", "max-age=31536000"


def test_every_answer_has_them(lab: RunningLab) -> None:
    url = f"https://{lab.host}"
    requests = {
        200: lab.call("ping"),
        401: lab.call("ping", token=""),
        403: lab.public.request(f"{url}/mcp", headers={"origin": "https://evil.example.net"}),
        404: lab.public.request(f"{url}/undeclared"),
        405: lab.public.request(f"{url}/mcp", method="PUT"),
    }
    changes = HeaderChangesSpec(set={NAME: VALUE}, remove=("x-app-version",))
    with lab.declaring_app(response_headers=changes):
        for status, request in requests.items():
            reply = send(request)
            assert (reply.status, reply.header(NAME)) == (status, VALUE)
        expired = send(lab.call("ping", token=lab.token(Sort.EXPIRED)))
        assert (expired.status, expired.header(NAME)) == (401, VALUE)
        assert expired.header("www-authenticate").startswith("Bearer ")
        assert not send(requests[200]).header("x-app-version")
    assert not send(requests[404]).header(NAME)
