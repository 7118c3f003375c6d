"""One JSON-RPC call as a body, and an app whose tools and anonymous calls are declared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.auth import ToolRuleSpec
from chatgpt_mesh.mesh.specs.calls import AnonymousSpec
from lab.workloads.request import Reply, send
from tests.lab.running_lab import marked, new_id

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.auth import AuthSpec
    from tests.lab.running_lab import RunningLab

GUARDED, PUBLIC = "execute_sql", "whoami"
SCOPE = "tools.execute"


def guarded_beside_public(auth: AuthSpec) -> AuthSpec:
    return auth.model_copy(
        update={
            "tools_from": "body",
            "tools": {GUARDED: ToolRuleSpec(scope=SCOPE)},
            "anonymous": AnonymousSpec(tools=(PUBLIC,)),
            "scopes": (),
            "claims": {},
        }
    )


def message(name: str, method: str = "tools/call") -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": name, "arguments": {}}})


def ask(lab: RunningLab, body: str | bytes, *, token: str, **headers: str) -> tuple[Reply, bool]:
    """The reply, and whether the app saw the request."""
    test_id = new_id("body")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = replace(lab.call(token=token, headers=sent), body=body)
    reply = send(marked(request, test_id))
    return reply, bool(lab.seen(test_id))
