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

import yaml

from lab.istio_metrics import RELABEL
from lab.workloads.request import Request, send
from tests.lab.kubectl import ISTIO_SYSTEM
from tests.lab.running_lab import eventually
from tests.unit.components.promtool import promtool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.running_lab import Pod, RunningLab

SCRAPED_EVERY = "1s"
PROXY_PORT, CONTROL_PLANE_PORT = 15020, 15014


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    url: str
    _proxies: Path

    def scrape(self, proxies: Sequence[Pod]) -> None:
        """These proxies from now on, instead of those before."""
        unfinished = self._proxies.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(_targets(proxies, PROXY_PORT)), encoding="utf-8")
        unfinished.replace(self._proxies)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series that an expression gives now; AssertionError with Prometheus's words where it is none."""
        answer = send(Request(url=f"{self.url}/api/v1/query?query={quote(expression)}", timeout=30)).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def firing(self) -> set[str]:
        """Names of alerts that fire now."""
        return {one["metric"]["alertname"] for one in self.query('ALERTS{alertstate="firing"}')}

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


def _targets(pods: Sequence[Pod], port: int) -> list[dict[str, Any]]:
    return [{"targets": [f"{pod.ip}:{port}"], "labels": {"pod": pod.name, "namespace": pod.namespace}} for pod in pods]


@contextlib.contextmanager
def scraping(lab: RunningLab, proxies: Sequence[Pod], groups: list[dict[str, Any]], home: Path) -> Iterator[Prometheus]:
    """Prometheus over these proxies and istiod, with rules as in a PrometheusRule."""
    (home / "rules.json").write_text(json.dumps({"groups": groups}), encoding="utf-8")
    targets = home / "proxies.json"
    jobs = [
        {
            "job_name": "proxies",
            "metrics_path": "/stats/prometheus",
            "file_sd_configs": [{"files": [str(targets)], "refresh_interval": SCRAPED_EVERY}],
            "metric_relabel_configs": [*RELABEL],
        },
        {"job_name": "istiod", "static_configs": _targets(lab.pods(ISTIO_SYSTEM, "app=istiod"), CONTROL_PLANE_PORT)},
    ]
    settings = {
        "global": {"scrape_interval": SCRAPED_EVERY, "scrape_timeout": SCRAPED_EVERY},
        "rule_files": [str(home / "rules.json")],
        "scrape_configs": jobs,
    }
    configuration = home / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        str(Path(promtool()).with_name("prometheus")),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    found = Prometheus(f"http://{address}", targets)
    found.scrape(proxies)
    with (home / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(found.ready, within=30, what="Prometheus is ready")
            yield found
        finally:
            process.terminate()
            process.wait(20)
