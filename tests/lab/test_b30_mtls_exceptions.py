"""B30: a dated exception opens one port of one workload to plaintext until its date; after it the program stops."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from chatgpt_mesh.mesh.specs.security import MtlsExceptionSpec
from chatgpt_mesh.stack.settings import Settings
from lab.workloads.request import Reply, Request
from tests.lab.running_lab import RunningLab, fails

PORT, OTHER_PORT = 9090, 8080
PATHS = ("/metrics",)


def scraper(lab: RunningLab) -> str:
    """The network of the client that has no sidecar."""
    return f"{lab.pod('outside-mesh', 'plain').ip}/32"


def with_exception(lab: RunningLab, until: date) -> Settings:
    stack = lab.stack
    exception = MtlsExceptionSpec(
        workload="chatgpt-mcp",
        namespace=stack.apps["chatgpt-mcp"].namespace,
        port=PORT,
        until=until,
        why="the old Prometheus has no sidecar",
        from_networks=(scraper(lab),),
        paths=PATHS,
    )
    security = stack.security.model_copy(update={"exceptions": (exception,)})
    return stack.model_copy(update={"security": security})


def plaintext(lab: RunningLab, port: int, path: str) -> Reply:
    pod = lab.mcp_pods()[0]
    request = Request(url=f"http://{pod.ip}{path}", port=port, timeout=5)
    (reply,) = lab.pod("outside-mesh", "plain").send(request)
    return reply


def check_open_on_that_port_only(lab: RunningLab) -> None:
    scraped = plaintext(lab, PORT, "/metrics")
    assert scraped.status == 200, str(scraped)
    assert "http_requests_total" in scraped.body
    assert plaintext(lab, PORT, "/anything-else").status == 403
    other = plaintext(lab, OTHER_PORT, "/health")
    assert other.status == 0, str(other)


def test_before_its_date_the_exception_opens_that_port_only(lab: RunningLab) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with lab.declaring(with_exception(lab, tomorrow)):
        check_open_on_that_port_only(lab)


def preview(lab: RunningLab, until: date, directory: Path) -> subprocess.CompletedProcess[str]:
    exception = {
        "workload": "chatgpt-mcp",
        "namespace": lab.namespace,
        "port": PORT,
        "until": until.isoformat(),
        "why": "the old Prometheus has no sidecar",
        "from_networks": [scraper(lab)],
        "paths": list(PATHS),
    }
    settings = {"security": {"exceptions": [exception]}}
    return lab.pulumi("preview", stack_file=lab.stack_with(settings, directory))


ABOUT_THE_DATE = re.compile(r"security\.exceptions(\.0|\[0\])\.until")


def test_after_its_date_the_program_stops(lab: RunningLab, tmp_path: Path) -> None:
    done = preview(lab, datetime.now(UTC).date() - timedelta(days=1), tmp_path)
    assert done.returncode != 0, done.stdout
    assert ABOUT_THE_DATE.search(done.stdout), done.stdout
    assert "expired" in done.stdout


def test_two_weeks_before_its_date_the_program_warns(lab: RunningLab, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    near = preview(lab, today + timedelta(days=13), tmp_path)
    assert near.returncode == 0, near.stdout
    assert ABOUT_THE_DATE.search(near.stdout), near.stdout
    far = preview(lab, today + timedelta(days=30), tmp_path)
    assert far.returncode == 0, far.stdout
    assert not ABOUT_THE_DATE.search(far.stdout), far.stdout


def test_it_is_the_exception_that_opens(lab: RunningLab) -> None:
    with fails():
        check_open_on_that_port_only(lab)
