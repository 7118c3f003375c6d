"""Values that must be in no record: sent wherever a client may put a secret, and looked for wherever a mesh writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.lab.running_lab import new_id, statuses

if TYPE_CHECKING:
    from lab.workloads.request import Request
    from tests.lab.running_lab import RunningLab


def send_canaries(lab: RunningLab, mark: str) -> dict[str, str]:
    """Requests to the MCP endpoint and the API that succeed and that fail, with a secret in every place; each by what
    it is. They carry `mark` in the header x-chatgpt-model."""
    token = lab.token(subject=new_id("subject"))
    canaries = {
        "token": token,
        "payload of the token": token.split(".")[1],
        **{what: new_id("canary") for what in ("cookie", "API key", "query", "argument", "session", "tool", "body")},
    }
    headers = {
        "x-chatgpt-model": mark,
        "cookie": f"session={canaries['cookie']}",
        "x-api-key": canaries["API key"],
    }
    by_query = f"access_token={canaries['query']}"
    call = lab.call(token=token, headers=headers, arguments={"call_id": canaries["argument"]})
    requests: list[Request] = [
        call,
        replace(call, url=f"{call.url}?{by_query}"),
        lab.call(token=token, headers={**headers, "mcp-session-id": canaries["session"]}),
        lab.call(token=token, headers=headers, tool=f"{canaries['tool']} and more"),
        lab.call(token="", headers=headers, tool="execute_sql"),
        lab.call(token=token, headers=headers, url=f"https://{lab.host}/api/v1/orders?{by_query}"),
        replace(call, body=canaries["body"]),
        replace(call, url=f"https://{lab.host}/nowhere?{by_query}"),
    ]
    replies = [
        lab.public.send(one.url, method=one.method, headers=one.headers, body=one.body, timeout=10) for one in requests
    ]
    # Records of success and of failure differ.
    assert {200, 400, 404} <= set(statuses(replies)), statuses(replies)
    return canaries


def found_in(text: str, canaries: dict[str, str]) -> list[str]:
    """What of them a text has, by what it is."""
    return [what for what, value in canaries.items() if value in text]
