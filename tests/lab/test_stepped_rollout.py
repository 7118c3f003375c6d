"""The stack's own canary by `python -m mesh rollout`: to its last share over an interrupt, and back when it fails.

Prometheus is Debian's, over proxies that count as Istio's do (`lab.istio_metrics`).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import istio_metrics
from lab.state import CHECKOUT
from lab.workloads.recorder import Answer
from tests.lab.alerts.counted_mesh import restart
from tests.lab.prometheus import Prometheus, scraping
from tests.lab.rolling_out import deploy
from tests.lab.running_lab import RunningLab, eventually
from tests.lab.test_b24_rollout_under_load import load

pytestmark = pytest.mark.long

APP = "chatgpt-mcp"
STEPS = {"percents": [5, 50, 100], "pause": "12s", "least_requests": 20}


@pytest.fixture(scope="module")
def prometheus(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    public = lab.stack.gateways["public"]
    restart(lab, public.home, public.release_name)
    tags = istio_metrics.tags([lab.objects.get("Telemetry", "istio-system", "mesh-default")])
    with (
        lab.objects.with_added(istio_metrics.envoy_filter(tags)),
        scraping(lab, lab.gateway_pods("public"), [], tmp_path_factory.mktemp("prometheus")) as found,
    ):
        yield found


@pytest.fixture
def stack_file(lab: RunningLab, tmp_path: Path) -> Iterator[Path]:
    """A canary without a share, deployed; the stack as it was at the end."""
    canary = {"percent": 0, "steps": STEPS}
    file = lab.stack_with({"apps": {APP: {"rollout": {"canary": canary}}}}, tmp_path)
    try:
        up(lab, file)
        yield file
    finally:
        deploy(lab, None, tmp_path)


def up(lab: RunningLab, file: Path) -> None:
    done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=file)
    assert done.returncode == 0, done.stdout


def command(prometheus: str, file: Path) -> list[str]:
    where = ["--prometheus", prometheus, "--config-file", str(file)]
    return [sys.executable, "-m", "mesh", "rollout", "lab", APP, *where]


def rollout(prometheus: str, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(prometheus, file), cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False
    )


def declared_percent(file: Path) -> int:
    config: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    return config["chatgpt-mesh:apps"][APP]["rollout"]["canary"]["percent"]


def check_runs_as_declared(lab: RunningLab, file: Path) -> None:
    done = lab.pulumi("preview", "--expect-no-changes", stack_file=file)
    assert done.returncode == 0, done.stdout


@contextmanager
def failing(lab: RunningLab, version: str) -> Iterator[None]:
    """Every answer of this version is 503."""
    pods = lab.mcp_pods(version)
    assert pods
    for pod in pods:
        pod.answer(Answer.UNAVAILABLE)
    try:
        yield
    finally:
        for pod in pods:
            pod.answer(Answer.GIVEN)


def test_a_good_canary_gets_all_traffic_over_an_interrupt_without_a_failed_request(
    lab: RunningLab, prometheus: Prometheus, stack_file: Path, tmp_path: Path
) -> None:
    log = tmp_path / "rollout.log"
    with load(lab) as seen:
        with log.open("w", encoding="utf-8") as written:
            first = subprocess.Popen(command(prometheus.url, stack_file), cwd=CHECKOUT, stdout=written, stderr=written)
            try:
                eventually(lambda: f"50 % of {APP} go to v2" in log.read_text(), within=150, what="half of it is moved")
                first.send_signal(signal.SIGINT)
                assert first.wait(60) == 2, log.read_text()
            finally:
                first.kill()
        assert "Interrupted at 50 %" in log.read_text()
        assert declared_percent(stack_file) == 50
        check_runs_as_declared(lab, stack_file)
        again = rollout(prometheus.url, stack_file)
        assert again.returncode == 0, again.stdout + again.stderr
        answered_by = {reply.header("x-app-version") for reply in seen.replies[-20:]}
    assert "5 % of" not in again.stdout.replace("50 % of", "")
    assert declared_percent(stack_file) == 100
    check_runs_as_declared(lab, stack_file)
    assert answered_by == {"v2"}
    assert len(seen.replies) > 500
    assert not seen.failures, seen.failures.most_common(3)


def test_a_canary_that_fails_is_taken_back_and_the_guard_is_named(
    lab: RunningLab, prometheus: Prometheus, stack_file: Path
) -> None:
    with failing(lab, "v2"), load(lab) as seen:
        done = rollout(prometheus.url, stack_file)
        before = len(seen.replies)
        eventually(lambda: len(seen.replies) > before + 50, within=30, what="more requests")
        after = {reply.status for reply in seen.replies[before + 8 :]}
    assert done.returncode == 1, done.stdout + done.stderr
    assert "v2 of chatgpt-mcp was taken back from 5 % to 0 %: CanaryFailsMoreThanStable is " in done.stderr
    assert "may be at most 1 %" in done.stderr
    assert declared_percent(stack_file) == 0
    check_runs_as_declared(lab, stack_file)
    assert seen.failures, "the canary did fail"
    assert after == {200}


def test_without_prometheus_nothing_is_moved(lab: RunningLab, stack_file: Path) -> None:
    done = rollout("http://127.0.0.1:9", stack_file)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Prometheus is away" in done.stderr
    assert declared_percent(stack_file) == 0


def test_what_else_is_declared_is_not_deployed_by_a_rollout(
    lab: RunningLab, prometheus: Prometheus, stack_file: Path
) -> None:
    stack = yaml.safe_load(stack_file.read_text(encoding="utf-8"))
    stack["config"]["chatgpt-mesh:apps"][APP]["longest_call"] = "610s"
    stack_file.write_text(yaml.safe_dump(stack), encoding="utf-8")
    done = rollout(prometheus.url, stack_file)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "run `pulumi up`, then this again" in done.stderr
    assert declared_percent(stack_file) == 0
