"""After a killed deploy: the same command again, and nothing is doubled, missing or locked."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack.settings import load_stack
from lab.stack import TAKE_OVER
from lab.workloads.request import send
from tests.lab.killed_deploys import declarations
from tests.lab.killed_deploys.declarations import Case, Work
from tests.lab.killed_deploys.kill import Part, deploy_killed
from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")
SECONDS = {Work.FIRST: 9.0, Work.CHANGE: 5.0, Work.REMOVAL: 7.0, Work.DESTROY: 9.0}
"""Less than each takes on an idle machine of two cores, so that no kill comes too late."""
LOCKED = "the stack is currently locked"
CANCEL = "pulumi cancel"
EXISTS = "already exists in the cluster"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`needed`: what stood before the same command. `left`: processes of the killed one that lived on."""

    case: Case
    needed: tuple[str, ...]
    left: tuple[str, ...]


def check_converges(lab: RunningLab, case: Case, directory: Path) -> Outcome:
    base = declarations.without(lab, directory)
    others = istio_objects(lab) - declared_objects(base)
    before, after = base, base
    match case.work:
        case Work.FIRST:
            after = declarations.with_more(lab, directory)
        case Work.CHANGE:
            after = declarations.changed(lab, directory)
        case Work.REMOVAL:
            before = declarations.with_more(lab, directory)
    try:
        if before is not base:
            _up(lab, before)
        killed = deploy_killed(UP, after, case.part, SECONDS[case.work] * case.moment)
        assert killed.in_time, f"{case}: it had ended before\n{killed.output[-2000:]}"
        assert killed.code != 0, f"{case}: nobody is told\n{killed.output[-2000:]}"
        needed = again(lab, after)
        assert CANCEL not in needed or case.part is Part.ENGINE, (
            f"{case}: a lock is left though the engine ended itself"
        )
        check_as_declared(lab, after, others)
    finally:
        _up(lab, base)
    check_as_declared(lab, base, others)
    return Outcome(case, needed, killed.left)


def check_destroy_converges(lab: RunningLab, case: Case, directory: Path) -> Outcome:
    """The stack is there again at the end, and its pods' workloads are not."""
    base = declarations.without(lab, directory)
    killed = deploy_killed(DESTROY, base, case.part, SECONDS[case.work] * case.moment)
    try:
        assert killed.in_time, f"{case}: it had ended before\n{killed.output[-2000:]}"
        assert killed.code != 0, f"{case}: nobody is told\n{killed.output[-2000:]}"
        needed = again(lab, base, DESTROY)
        state = json.loads(lab.pulumi("stack", "export").stdout)["deployment"]
        assert not state.get("resources")
        assert not istio_objects(lab)
    finally:
        _up(lab, base)
    return Outcome(case, needed, killed.left)


def again(lab: RunningLab, stack_file: Path, command: tuple[str, ...] = UP) -> tuple[str, ...]:
    """The same command once more, by docs/deploy.md; which of its ways out were needed."""
    needed: list[str] = []
    done = lab.pulumi(*command, stack_file=stack_file)
    if done.returncode != 0 and LOCKED in done.stdout:
        assert "pulumi cancel" in done.stdout, f"the way out is not named: {done.stdout}"
        needed.append(CANCEL)
        cancelled = lab.pulumi("cancel", "--yes")
        assert cancelled.returncode == 0, cancelled.stdout
        done = lab.pulumi(*command, stack_file=stack_file)
    if done.returncode != 0 and EXISTS in done.stdout:
        needed.append(TAKE_OVER)
        taken = lab.pulumi(*UP, stack_file=stack_file, environment={TAKE_OVER: "true"})
        assert taken.returncode == 0, taken.stdout
        done = lab.pulumi(*UP, stack_file=stack_file)
    assert done.returncode == 0, done.stdout
    return tuple(needed)


def check_as_declared(lab: RunningLab, stack_file: Path, others: frozenset[str]) -> None:
    preview = lab.pulumi("preview", "--expect-no-changes", stack_file=stack_file)
    assert preview.returncode == 0, preview.stdout
    state = json.loads(lab.pulumi("stack", "export").stdout)["deployment"]
    assert not state.get("pending_operations")
    doubled = [urn for urn, number in Counter(one["urn"] for one in state["resources"]).items() if number > 1]
    assert not doubled
    assert istio_objects(lab) == declared_objects(stack_file) | others
    assert send(lab.call("ping")).status == 200


def declared_objects(stack_file: Path) -> frozenset[str]:
    mesh = Mesh(load_stack(stack_file), datetime.now(UTC).date())
    return frozenset(one.resource.key for one in mesh.objects if one.resource.kind in KINDS)


def istio_objects(lab: RunningLab) -> frozenset[str]:
    """Keys of what the API server has of Istio's kinds."""
    kinds = ",".join(f"{kind.lower()}.{told.group}" for kind, told in KINDS.items())
    listed = json.loads(kubectl(lab, "get", kinds, "--all-namespaces", "--output=json"))["items"]
    return frozenset(f"{one['kind']}/{one['metadata']['namespace']}/{one['metadata']['name']}" for one in listed)


def _up(lab: RunningLab, stack_file: Path) -> None:
    done = lab.pulumi(*UP, stack_file=stack_file)
    assert done.returncode == 0, done.stdout
