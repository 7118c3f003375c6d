"""B57: Argo Rollouts and Flagger move the weights of an app that the stack hands over: a good version is promoted
without a failed request, a bad one is rolled back, and the stack shows no drift meanwhile.

Both are the real controllers, with the rights that they ship (`tests.lab.rollout_controllers`).
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import istio_metrics
from lab.workloads.recorder import Answer
from lab.workloads.request import Request, send
from tests.lab import moved_apps
from tests.lab.alerts.counted_mesh import repeating, restart
from tests.lab.edge_certificates import certified
from tests.lab.kubectl import kubectl
from tests.lab.moved_apps import ARGO, FLAGGER
from tests.lab.prometheus import Prometheus, scraping
from tests.lab.rolling_out import deploy
from tests.lab.rollout_controllers import ARGO_ROLLOUTS, free_port, running
from tests.lab.rollout_controllers import FLAGGER as FLAGGER_CONTROLLER
from tests.lab.running_lab import Pod, RunningLab, eventually, fails
from tests.lab.test_b24_rollout_under_load import load

pytestmark = pytest.mark.long

PROMOTED_WITHIN = 150.0


@dataclass(frozen=True, slots=True)
class Moved:
    """The lab with both apps on it, and what Prometheus knows of them."""

    lab: RunningLab
    prometheus: Prometheus
    stack_file: Path

    def call(self, app: str, **headers: str) -> Request:
        return self.lab.call("ping", token="", url=f"https://{moved_apps.host(app)}/mcp", headers=headers)

    def check_no_drift(self) -> None:
        for command in (("preview",), ("up", "--yes", "--skip-preview"), ("refresh", "--preview-only")):
            done = self.lab.pulumi(*command, "--expect-no-changes", stack_file=self.stack_file)
            assert done.returncode == 0, f"pulumi {command[0]} wants to change something:\n{done.stdout}"

    def apply(self, *objects: dict[str, Any]) -> None:
        given = moved_apps.shown(list(objects))
        kubectl(self.lab, "apply", "--server-side", "--force-conflicts", "--filename=-", stdin=given)

    def live(self, kind: str, app: str, name: str = "") -> dict[str, Any]:
        return json.loads(kubectl(self.lab, "get", kind, name or app, f"--namespace={app}", "--output=json"))

    def weights(self, app: str, name: str = "") -> dict[str, int]:
        """Subset or Service -> its share."""
        http = self.live("virtualservices.networking.istio.io", app, name)["spec"]["http"]
        return {
            part["destination"].get("subset") or part["destination"]["host"]: part.get("weight", 0)
            for part in http[0]["route"]
        }

    def answered_by(self, app: str, number: int = 40, **headers: str) -> Counter[str]:
        replies = [send(self.call(app, **headers)) for _ in range(number)]
        return Counter(reply.header("x-app-version") or str(reply) for reply in replies)

    def release(self, app: str, version: str) -> list[Pod]:
        return self.lab.pods(app, f"release={version}")


@pytest.fixture(scope="module")
def moved(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    home = tmp_path_factory.mktemp("moved")
    public = lab.stack.gateways["public"]
    restart(lab, public.home, public.release_name)
    tags = istio_metrics.tags([lab.objects.get("Telemetry", "istio-system", "mesh-default")])
    stack_file = lab.stack_with(moved_apps.declared(), home)
    try:
        with (
            lab.objects.with_added(istio_metrics.envoy_filter(tags)),
            scraping(lab, lab.gateway_pods("public"), [], home) as prometheus,
            following(lab, prometheus),
        ):
            done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=stack_file)
            assert done.returncode == 0, done.stdout
            with certified(lab):
                yield Moved(lab, prometheus, stack_file)
    finally:
        # With their namespaces go the controllers' objects.
        deploy(lab, None, home)


@contextlib.contextmanager
def following(lab: RunningLab, prometheus: Prometheus) -> Iterator[None]:
    """Prometheus scrapes pods as they come and go."""

    def follow(_turn: int) -> None:
        pods = [pod for app in (ARGO, FLAGGER) for pod in lab.pods(app, "release")]
        prometheus.scrape([*lab.gateway_pods("public"), *pods])

    with repeating(follow, every=1):
        yield


@contextlib.contextmanager
def failing(moved: Moved, app: str, version: str) -> Iterator[None]:
    """Pods of this release answer 503 from the moment in which they are there."""

    def spoil(_turn: int) -> None:
        for pod in moved.release(app, version):
            with contextlib.suppress(Exception):
                # It may not listen yet; the next turn finds it.
                pod.answer(Answer.UNAVAILABLE)

    with repeating(spoil, every=0.3):
        yield


@pytest.fixture(scope="module")
def argo(moved: Moved, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Argo Rollouts, with the first release there."""
    ports = [f"--metricsPort={free_port()}", f"--healthzPort={free_port()}"]
    with running(moved.lab, ARGO_ROLLOUTS, tmp_path_factory.mktemp("argo"), *ports, "--leader-elect=false") as log:
        moved.apply(moved_apps.account(ARGO), moved_apps.service(ARGO))
        try:
            moved.apply(*moved_apps.rollout(moved.lab, "one", moved.prometheus.url))
            eventually(lambda: send(moved.call(ARGO)).status == 200, within=90, what="the first release answers")
            yield log
        finally:
            kubectl(moved.lab, "delete", "rollouts.argoproj.io", ARGO, f"--namespace={ARGO}", "--timeout=60s")


def phase(moved: Moved) -> str:
    return moved.live("rollouts.argoproj.io", ARGO).get("status", {}).get("phase", "")


def test_argo_rollouts_promotes_a_good_version_without_a_failed_request(moved: Moved, argo: Path) -> None:
    eventually(lambda: phase(moved) == "Healthy", within=60, what="the first release is healthy")
    name = f"{ARGO}-rollout"
    with load(moved.lab, requests=lambda _lab, _name: iter(lambda: moved.call(ARGO), None)) as seen:
        moved.apply(*moved_apps.rollout(moved.lab, "two", moved.prometheus.url))
        eventually(lambda: moved.weights(ARGO, name)["canary"] == 20, within=90, what="a fifth goes to the canary")
        # The program's own routes beside the moved one, and no drift in the middle of a rollout.
        assert set(moved.answered_by(ARGO, 10, **{"x-canary": "true"})) == {"two"}
        moved.check_no_drift()
        eventually(lambda: phase(moved) == "Healthy", within=PROMOTED_WITHIN, what="the second release is promoted")
    assert moved.weights(ARGO, name) == {"stable": 100, "canary": 0}
    assert set(moved.answered_by(ARGO)) == {"two"}
    assert len(seen.replies) > 300
    assert not seen.failures, (seen.failures.most_common(3), argo.read_text()[-2000:])
    moved.check_no_drift()


def test_argo_rollouts_rolls_a_bad_version_back(moved: Moved, argo: Path) -> None:
    before = set(moved.answered_by(ARGO, 5))
    with (
        load(moved.lab, requests=lambda _lab, _name: iter(lambda: moved.call(ARGO), None)) as seen,
        failing(moved, ARGO, "bad"),
    ):
        moved.apply(*moved_apps.rollout(moved.lab, "bad", moved.prometheus.url))
        eventually(lambda: phase(moved) == "Degraded", within=PROMOTED_WITHIN, what="the rollout is aborted")
    assert moved.weights(ARGO, f"{ARGO}-rollout") == {"stable": 100, "canary": 0}
    assert seen.failures, argo.read_text()[-2000:]
    assert set(moved.answered_by(ARGO)) == before
    moved.check_no_drift()


def test_subsets_by_the_label_of_a_version_would_lose_everybody(moved: Moved, argo: Path) -> None:
    """What a promotion makes of a stable subset that selects by its version: the hash beside a label of no such pod."""

    def of_one_version(rule: dict[str, Any]) -> None:
        rule["spec"]["subsets"][0]["labels"]["release"] = "one"

    with moved.lab.objects.edited("DestinationRule", ARGO, f"{ARGO}-rollout", of_one_version), fails():
        assert send(moved.call(ARGO)).status == 200


@pytest.fixture(scope="module")
def flagger(moved: Moved, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Flagger, with the first release promoted to its primary."""
    spec = moved.lab.stack.gateways["public"]
    arguments = [
        f"--metrics-server={moved.prometheus.url}",
        "--mesh-provider=istio",
        f"--namespace={FLAGGER}",
        f"--port={free_port()}",
        "--control-loop-interval=2s",
    ]
    with running(moved.lab, FLAGGER_CONTROLLER, tmp_path_factory.mktemp("flagger"), *arguments) as log:
        moved.apply(moved_apps.account(FLAGGER), moved_apps.target(moved.lab, "one"))
        try:
            moved.apply(moved_apps.canary(f"{spec.home}/{spec.name}"))
            eventually(
                lambda: state(moved) == "Initialized", within=120, what=f"Flagger has begun: {log.read_text()[-1500:]}"
            )
            eventually(lambda: send(moved.call(FLAGGER)).status == 200, within=60, what="the first release answers")
            yield log
        finally:
            kubectl(moved.lab, "delete", "canaries.flagger.app", FLAGGER, f"--namespace={FLAGGER}", "--timeout=60s")


def state(moved: Moved) -> str:
    return moved.live("canaries.flagger.app", FLAGGER).get("status", {}).get("phase", "")


def test_flagger_promotes_a_good_version_without_a_failed_request(moved: Moved, flagger: Path) -> None:
    with load(moved.lab, requests=lambda _lab, _name: iter(lambda: moved.call(FLAGGER), None)) as seen:
        moved.apply(moved_apps.target(moved.lab, "two"))
        eventually(lambda: moved.weights(FLAGGER).get(f"{FLAGGER}-canary", 0) >= 25, within=120, what="a part is moved")
        moved.check_no_drift()
        eventually(lambda: state(moved) == "Succeeded", within=PROMOTED_WITHIN, what="the second release is promoted")
    assert set(moved.answered_by(FLAGGER)) == {"two"}
    assert len(seen.replies) > 300
    assert not seen.failures, (seen.failures.most_common(3), flagger.read_text()[-3000:])
    moved.check_no_drift()


def from_the_mesh(moved: Moved) -> int:
    call = moved.call(FLAGGER)
    url = f"http://{FLAGGER}.{FLAGGER}.svc.cluster.local:{moved_apps.PORT}/mcp"
    request = Request(url=url, method="POST", headers=call.headers, body=call.body)
    [reply] = moved.lab.pod(moved.lab.namespace, "chatgpt-frontend").send(request)
    return reply.status


def test_a_caller_in_the_mesh_reaches_what_flagger_leads_it_to(moved: Moved, flagger: Path) -> None:
    """Istio adds to its Sidecar what Flagger's route leads to, and the app's policy selects Flagger's copy."""
    assert from_the_mesh(moved) == 200

    def by_the_label_that_flagger_rewrites(policy: dict[str, Any]) -> None:
        policy["spec"]["selector"]["matchLabels"] = {"app": FLAGGER}

    edited = moved.lab.objects.edited(
        "AuthorizationPolicy", FLAGGER, f"{FLAGGER}-callers", by_the_label_that_flagger_rewrites
    )
    with edited:
        # Flagger's rules close no connection that rests, and one from before carries one more request.
        from_the_mesh(moved)
        with fails():
            assert from_the_mesh(moved) == 200, flagger


def test_flagger_rolls_a_bad_version_back(moved: Moved, flagger: Path) -> None:
    before = set(moved.answered_by(FLAGGER, 5))
    with (
        load(moved.lab, requests=lambda _lab, _name: iter(lambda: moved.call(FLAGGER), None)) as seen,
        failing(moved, FLAGGER, "bad"),
    ):
        moved.apply(moved_apps.target(moved.lab, "bad"))
        eventually(lambda: state(moved) == "Failed", within=PROMOTED_WITHIN, what="the rollout has failed")
    assert moved.weights(FLAGGER) == {f"{FLAGGER}-primary": 100, f"{FLAGGER}-canary": 0}
    assert seen.failures, flagger.read_text()[-3000:]
    assert set(moved.answered_by(FLAGGER)) == before
    moved.check_no_drift()
