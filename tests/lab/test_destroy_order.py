"""`pulumi destroy` takes the mesh down in the order in which nothing is left hanging. About ten seconds.

The engine's plan of the running lab is read, and nothing is destroyed.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab


STAGES = {
    "routes": r":VirtualService::",
    "policies, subsets, listeners": r"\.istio\.io/v[^:]*:\w+::[A-Z]",
    "gateways": r"::istio-(ingress|internal|egress)/",
    "namespaces": r":Namespace::(?!istio-system$)",
    "control plane": r"::istiod(:|$)",
    "definitions": r"::istio-base(:|$)",
    "Istio's namespace": r":Namespace::istio-system$",
}
"""What goes in each step, first match first, as `TYPE::NAME`."""


def planned_deletes(log: Path) -> list[str]:
    """`TYPE::NAME` of everything that `destroy` deletes, in order, without the types of parents."""
    command = ["pulumi", "destroy", "--stack", "lab", "--preview-only", "--non-interactive", "--event-log", str(log)]
    # The event log is one of the CLI's own flags for debugging.
    subprocess.run(command, env={**os.environ, "PULUMI_DEBUG_COMMANDS": "true"}, check=True, capture_output=True)
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    return [step["urn"].split("::", 2)[2].split("$")[-1] for step in steps if step["op"] == "delete"]


def test_routes_then_the_rest_of_istio_then_gateways_then_namespaces_then_istiod_then_base(
    lab: RunningLab, tmp_path: Path
) -> None:
    order = planned_deletes(tmp_path / "events.json")
    stages: dict[str, list[int]] = {name: [] for name in STAGES}
    for place, step in enumerate(order):
        for name, pattern in STAGES.items():
            if re.search(pattern, step):
                stages[name].append(place)
                break
    assert all(stages.values()), stages
    in_order = list(stages.values())
    for earlier, later in itertools.pairwise(in_order):
        assert max(earlier) < min(later), f"{order[max(earlier)]} goes after {order[min(later)]}"
