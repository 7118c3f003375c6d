"""`pulumi up` in the running lab by number of apps: nothing to do, one canary's percent, one app more.

Everything is real but Pulumi's plugins where stand-ins take their place (docs/lab-plugins.md); then seconds of `plugin`
are theirs. The plain alternative is kubectl, which applies the same objects of Istio's by server-side dry run, so that
it leaves the cluster as it is.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.stack.settings import load_stack
from lab.stack import SKIP_CHECKPOINTS, STACK
from lab.state import CHECKOUT
from tests.benchmarks.data_path.declarations import MEMORY_OF_A_CROWD
from tests.benchmarks.engine.declared import PERCENT, apps
from tests.benchmarks.engine.processes import Usage, run
from tests.benchmarks.figures import conditions
from tests.benchmarks.series import Plot, Row
from tests.lab.bring_up import running_lab
from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.figures import Results
    from tests.lab.running_lab import RunningLab

NAME = "engine"
PLACES = ("engine: up",)
_SIZES, _LARGE = (1, 10, 100), (1_000,)
PULUMI = {
    "engine": ("pulumi up",),
    "program": ("pulumi-language-", "language_python"),
    "plugin": ("pulumi-resource-", "plugins.kubernetes"),
}
"""Pulumi's own plugins, and the lab's stand-ins."""
_KUBECTL = {"kubectl": ("kubectl",)}
_TIMEOUT_SECONDS = 1_500.0
_GOALS = {("one percent", 100): "12 s"}
_WRITTEN_ONCE = "the state written once"
_NOT_OURS = {"leases", "events", "endpointslices", "endpoints", "tokenreviews", "subjectaccessreviews", "nodes", "pods"}
"""Resources that the cluster's own programs ask for all the time, and the stack does not write."""
_COUNTED = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Bench:
    lab: RunningLab
    directory: Path

    def stack_file(self, count: int, *, percent: int = PERCENT) -> Path:
        changes: dict[str, Any] = {"apps": apps(count, percent=percent)}
        if count >= min(_LARGE):
            # The default ends a gateway to which so many apps come at once, as docs/gateways.md says.
            workload = {"resources": {"memory_limit": MEMORY_OF_A_CROWD}}
            changes["gateways"] = {"public": {"workload": workload}}
        return self.lab.stack_with(changes, self.directory)

    def up(self, file: Path, *, checkpoints: bool = True) -> dict[str, Any]:
        """`pulumi up`, as people run it; without checkpoints the engine writes its state once."""
        command = ["pulumi", "up", "--stack", STACK, "--config-file", str(file), "--yes", "--skip-preview"]
        variables = {SKIP_CHECKPOINTS: "false" if checkpoints else "true"}
        found, printed = self._measured([*command, "--non-interactive", "--color=never"], PULUMI, variables)
        changed = {
            kind: int(number) for number, kind in re.findall(r"(\d+) (created|updated|deleted|unchanged)", printed)
        }
        return {**found, "resources": changed}

    def apply(self, file: Path) -> dict[str, Any]:
        """kubectl, with the objects that the same stack file declares."""
        objects = [one.resource.to_dict() for one in Mesh(load_stack(file), dates.today()).objects]
        manifests = self.directory / "manifests.yaml"
        manifests.write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper), encoding="utf-8")
        options = ["--server-side", "--force-conflicts", "--dry-run=server", "--output=name"]
        command = ["kubectl", f"--kubeconfig={self.lab.kubeconfig}", "apply", *options, f"--filename={manifests}"]
        found, printed = self._measured(command, _KUBECTL, {})
        return {**found, "resources": {"applied": len(printed.split())}}

    def _measured(
        self, command: list[str], parts: dict[str, tuple[str, ...]], variables: dict[str, str]
    ) -> tuple[dict[str, Any], str]:
        before = requests(self.lab)
        usage, printed = run(command, parts, cwd=CHECKOUT, timeout=_TIMEOUT_SECONDS, variables=variables)
        asked = requests(self.lab) - before
        return {**_as_json(usage), "requests": asked.total(), "requests_by_verb": dict(asked)}, printed


def requests(lab: RunningLab) -> Counter[str]:
    """Verb -> requests that the API server has answered about what stacks write."""
    found: Counter[str] = Counter()
    for match in _COUNTED.finditer(kubectl(lab, "get", "--raw", "/metrics")):
        labels = dict(_LABEL.findall(match["labels"]))
        verb, resource = labels.get("verb", ""), labels.get("resource", "")
        # The stack's own hooks ask istiod through the API server's port-forward to its pod.
        if verb == "CONNECT" or (verb != "WATCH" and resource and resource not in _NOT_OURS):
            found[verb] += int(float(match["value"]))
    return found


def _as_json(usage: Usage) -> dict[str, Any]:
    cpu = {part: round(seconds, 2) for part, seconds in usage.cpu.items()}
    return {"seconds": round(usage.seconds, 1), "cpu": cpu, "mib": round(usage.mib)}


def measure(*, large: bool) -> Iterator[Results]:
    """The lab's own stack grows by so many apps, is asked three things at each size, and is as it was at the end."""
    when = conditions()
    lab = running_lab()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(lab, Path(directory))
        try:
            for count in _LARGE if large else _SIZES:
                for measured in _at(bench, count):
                    found.append(measured)
                    yield {**when, "runs": found}
        finally:
            bench.up(lab.stack_file, checkpoints=False)


def _at(bench: Bench, count: int) -> Iterator[dict[str, Any]]:
    declared = bench.stack_file(count)
    bench.up(declared, checkpoints=False)
    files = {
        "unchanged": declared,
        "one percent": bench.stack_file(count, percent=PERCENT + 1),
        "one app more": bench.stack_file(count + 1, percent=PERCENT + 1),
    }
    plain = bench.apply(declared)
    for what, file in files.items():
        yield {"apps": count, "what": what, "up": bench.up(file), "kubectl": plain}
    if count == max(_SIZES):
        once = bench.up(bench.stack_file(count + 2, percent=PERCENT + 1), checkpoints=False)
        yield {"apps": count, "what": f"one app more, {_WRITTEN_ONCE}", "up": once, "kubectl": plain}


def tables(results: Results) -> dict[str, list[Row]]:
    rows: list[Row] = []
    for found in results["runs"]:
        up, plain = found["up"], found["kubectl"]
        cpu = ", ".join(f"{part} {seconds:.1f}" for part, seconds in up["cpu"].items())
        rows.append(
            Row(
                what=f"{found['apps']:,} {'app' if found['apps'] == 1 else 'apps'}, {found['what']}",
                goal=_GOALS.get((found["what"], found["apps"]), ""),
                figure=f"{up['seconds']:.1f} s (CPU: {cpu}), {up['mib']:,} MiB, {up['requests']:,} requests",
                plain=f"{plain['seconds']:.1f} s, {plain['mib']:,} MiB, {plain['requests']:,} requests",
                ratio=up["seconds"] / plain["seconds"],
            )
        )
    return {PLACES[0]: rows}


def plot(results: Results) -> Plot:
    curves: dict[str, list[tuple[float, float]]] = {}
    for found in results["runs"]:
        curves.setdefault(f"up: {found['what']}", []).append((found["apps"], found["up"]["seconds"]))
        if found["what"] == "unchanged":
            curves.setdefault("kubectl apply", []).append((found["apps"], found["kubectl"]["seconds"]))
    return Plot("pulumi up in the lab", "apps", "seconds", curves)
