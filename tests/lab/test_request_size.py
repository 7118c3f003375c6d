"""The largest request: 413 above it, with and without a length; the app sees nothing of it, and answers stream on."""

from __future__ import annotations

import json
from dataclasses import replace

from lab.workloads.request import Request, send
from tests.lab.running_lab import RunningLab, marked, new_id

LIMIT = 4096


def of_size(lab: RunningLab, size: int, *, chunked: bool) -> Request:
    """A ping whose body has exactly so many bytes."""
    request = lab.call("ping")
    message = json.loads(request.body or "")
    padding = size - len(json.dumps({**message, "params": {"pad": ""}}))
    body = json.dumps({**message, "params": {"pad": "x" * padding}})
    assert len(body) == size
    if not chunked:
        return replace(request, body=body)
    pieces = [body[start : start + 1000] for start in range(0, size, 1000)]
    coded = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces) + "0\r\n\r\n"
    return replace(request, body=coded, headers={**request.headers, "transfer-encoding": "chunked"})


def test_a_larger_body_is_answered_413_whether_it_says_its_length_or_not(lab: RunningLab) -> None:
    with lab.declaring_app(max_request_body="4Ki"):
        for chunked in (False, True):
            assert send(of_size(lab, LIMIT, chunked=chunked)).status == 200
            for size in (LIMIT + 1, 2 * LIMIT, 100_000):
                test_id = new_id("size")
                reply = send(marked(of_size(lab, size, chunked=chunked), test_id))
                assert reply.status == 413, f"{size} bytes, chunked {chunked}: {reply}"
                assert not lab.seen(test_id)
        without_token = replace(of_size(lab, LIMIT * 2, chunked=True), headers={"transfer-encoding": "chunked"})
        assert send(without_token).status == 401, "nothing is held for whoever has no token"
    assert send(of_size(lab, LIMIT + 1, chunked=True)).status == 200
