"""A real Prometheus on this machine that scrapes the lab's proxies and istiod and goes by a stack's rules."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.istio_metrics import RELABEL
from lab.workloads.request import Request, send
from tests.lab.kubectl import ISTIO_SYSTEM
from tests.lab.running_lab import eventually
from tests.unit.components.promtool import promtool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.running_lab import Pod, RunningLab

Groups = list[dict[str, Any]]
"""Of rules, as a PrometheusRule has them."""

RULES, CONFIGURATION, PROXIES = "rules.json", "prometheus.yaml", "proxies.json"
SCRAPED_EVERY = "1s"
PROXY_PORT, CONTROL_PLANE_PORT = 15020, 15014


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs, and the directory of its configuration."""

    url: str
    home: Path

    def scrape(self, proxies: Sequence[Pod]) -> None:
        """These proxies from now on, instead of those before."""
        unfinished = (self.home / PROXIES).with_suffix(".unfinished")
        unfinished.write_text(json.dumps(_targets(proxies, PROXY_PORT)), encoding="utf-8")
        unfinished.replace(self.home / PROXIES)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series that an expression gives now; AssertionError with Prometheus's words where it is none."""
        answer = send(Request(url=f"{self.url}/api/v1/query?query={quote(expression)}", timeout=30)).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def history(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Series of an expression between two times (Unix, seconds), a value every 5 s."""
        asked = f"query={quote(expression)}&start={start:.3f}&end={end:.3f}&step=5"
        answer = send(Request(url=f"{self.url}/api/v1/query_range?{asked}", timeout=30)).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def firing(self) -> list[dict[str, str]]:
        """Labels of the alerts that fire now."""
        return [one["metric"] for one in self.query('ALERTS{alertstate="firing"}')]

    def rule_errors(self) -> dict[str, str]:
        """Rules that could not be evaluated, and why."""
        groups = send(Request(url=f"{self.url}/api/v1/rules")).json()["data"]["groups"]
        return {
            rule["name"]: rule.get("lastError", rule["health"])
            for group in groups
            for rule in group["rules"]
            if rule["health"] == "err"
        }

    def ready(self) -> bool:
        return send(Request(url=f"{self.url}/-/ready")).status == 200

    @contextlib.contextmanager
    def with_rules(self, groups: Groups) -> Iterator[None]:
        """Other rules for a moment."""
        with self._instead(self.home / RULES, {"groups": groups}):
            yield

    @contextlib.contextmanager
    def without_targets(self, job: str) -> Iterator[None]:
        """A job that finds nothing to scrape for a moment, as when its selector no longer fits."""
        path = self.home / CONFIGURATION
        settings = json.loads(path.read_text(encoding="utf-8"))
        (emptied,) = [one for one in settings["scrape_configs"] if one["job_name"] == job]
        del emptied["static_configs" if "static_configs" in emptied else "file_sd_configs"]
        with self._instead(path, settings):
            yield

    @contextlib.contextmanager
    def _instead(self, path: Path, content: Any) -> Iterator[None]:
        before = path.read_text(encoding="utf-8")
        try:
            path.write_text(json.dumps(content), encoding="utf-8")
            self._reload()
            yield
        finally:
            path.write_text(before, encoding="utf-8")
            self._reload()

    def _reload(self) -> None:
        reply = send(Request(url=f"{self.url}/-/reload", method="POST"))
        assert reply.status == 200, str(reply)


def _targets(pods: Sequence[Pod], port: int) -> list[dict[str, Any]]:
    return [{"targets": [f"{pod.ip}:{port}"], "labels": {"pod": pod.name, "namespace": pod.namespace}} for pod in pods]


@contextlib.contextmanager
def scraping(lab: RunningLab, proxies: Sequence[Pod], groups: Groups, home: Path) -> Iterator[Prometheus]:
    """Prometheus over these proxies and istiod, with rules as in a PrometheusRule."""
    (home / RULES).write_text(json.dumps({"groups": groups}), encoding="utf-8")
    jobs = [
        {
            "job_name": "proxies",
            "metrics_path": "/stats/prometheus",
            "file_sd_configs": [{"files": [str(home / PROXIES)], "refresh_interval": SCRAPED_EVERY}],
            "metric_relabel_configs": [*RELABEL],
        },
        {"job_name": "istiod", "static_configs": _targets(lab.pods(ISTIO_SYSTEM, "app=istiod"), CONTROL_PLANE_PORT)},
    ]
    settings = {
        "global": {"scrape_interval": SCRAPED_EVERY, "scrape_timeout": SCRAPED_EVERY},
        "rule_files": [str(home / RULES)],
        "scrape_configs": jobs,
    }
    configuration = home / CONFIGURATION
    configuration.write_text(json.dumps(settings), encoding="utf-8")  # which is YAML too
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        str(Path(promtool()).with_name("prometheus")),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        "--web.enable-lifecycle",
    ]
    found = Prometheus(f"http://{address}", home)
    found.scrape(proxies)
    with (home / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(found.ready, within=30, what="Prometheus is ready")
            yield found
        finally:
            process.terminate()
            process.wait(20)
