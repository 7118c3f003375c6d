"""Each version by its own value of one header, from outside, beside a canary that divides everybody else."""

from __future__ import annotations

from collections import Counter

import pytest

from chatgpt_mesh.mesh.specs.rollout import PinSpec
from lab.workloads.request import send_kept_alive
from tests.lab.running_lab import RunningLab

REQUESTS = 30


def test_each_value_leads_to_its_version(lab: RunningLab) -> None:
    app = lab.stack.apps["chatgpt-mcp"]
    if len(app.versions) < 2:
        pytest.skip("this stack declares no second version")
    pinned = {
        name: version.model_copy(update={"pin": PinSpec(header="x-version", value=name, allowed="anyone")})
        for name, version in app.versions.items()
    }
    with lab.declaring_app(versions=pinned):
        for name in pinned:
            replies = send_kept_alive([lab.call("ping", headers={"x-version": name})] * REQUESTS, connections=2)
            assert Counter(reply.header("x-app-version") for reply in replies) == {name: REQUESTS}
        refused = send_kept_alive([lab.call("ping", token="", headers={"x-version": "v2"})], connections=1)
        assert refused[0].status == 401
