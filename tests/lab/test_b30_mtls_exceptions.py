"""B30: a dated exception opens one port of one workload to plaintext until its date; after it the program stops."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from lab.workloads.request import Reply, Request
from mesh.build import Mesh, cross_check, parse
from mesh.security import MtlsExceptionSpec, SecuritySpec
from settings import Settings
from tests.lab.running_lab import RunningLab, fails

PORT, OTHER_PORT = 9090, 8080
PATHS = ("/metrics",)


def with_exception(stack: Settings, until: date) -> Settings:
    exception = MtlsExceptionSpec(
        workload="chatgpt-mcp",
        namespace=stack.apps["chatgpt-mcp"].namespace,
        port=PORT,
        until=until,
        why="the old Prometheus has no sidecar",
        paths=PATHS,
    )
    security = stack.security.model_copy(update={"exceptions": (exception,)})
    return stack.model_copy(update={"security": security})


@contextmanager
def deployed(lab: RunningLab, stack: Settings):
    """What another declaration adds to and changes in the running one."""
    today = datetime.now(UTC).date()
    before = {one.resource.key: one.resource.to_dict() for one in Mesh(lab.stack.mesh(), today).objects}
    after = {one.resource.key: one.resource.to_dict() for one in Mesh(stack.mesh(), today).objects}
    assert after != before
    with ExitStack() as layers:
        for key, manifest in after.items():
            metadata = manifest["metadata"]
            if key not in before:
                layers.enter_context(lab.objects.with_added(manifest))
            elif before[key] != manifest:
                layers.enter_context(
                    lab.objects.edited(
                        manifest["kind"],
                        metadata["namespace"],
                        metadata["name"],
                        lambda live, spec=manifest["spec"]: live.update(spec=spec),
                    )
                )
        yield


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
    with deployed(lab, with_exception(lab.stack, tomorrow)):
        check_open_on_that_port_only(lab)


def test_after_its_date_the_program_stops(lab: RunningLab) -> None:
    today = datetime.now(UTC).date()
    expired = with_exception(lab.stack, today - timedelta(days=1))
    declared = SecuritySpec.model_dump(expired.security, mode="json")
    parts, unread = parse({"security": declared, "apps": {}, "gateways": {}}, today)
    problems = [str(problem) for problem in (*unread, *cross_check(parts))]
    assert any(problem.startswith("security.exceptions.0.until: ") and "expired" in problem for problem in problems)


def test_it_is_the_exception_that_opens(lab: RunningLab) -> None:
    with fails():
        check_open_on_that_port_only(lab)


@pytest.mark.parametrize("days", [0, 13])
def test_a_warning_comes_two_weeks_ahead(lab: RunningLab, days: int) -> None:
    today = datetime.now(UTC).date()
    mesh = Mesh(with_exception(lab.stack, today + timedelta(days=days)).mesh(), today)
    assert any("security.exceptions.0" in str(warning) for warning in mesh.warnings)
