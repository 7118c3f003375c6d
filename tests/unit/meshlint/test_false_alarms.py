"""Istio's own samples and test data: few findings on what is right, and each has been looked at."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

import pytest

from meshlint.environment import Environment
from meshlint.finding import Severity
from meshlint.lint import lint
from tests.unit.meshlint.alarms import page, wrong
from tests.unit.meshlint.alarms.corpus import istio, pieces
from tests.unit.meshlint.alarms.figures import Half, measured
from tests.unit.meshlint.alarms.looked_at import TRUE
from tests.unit.meshlint.alarms.wrong import ANALYZERS

pytestmark = pytest.mark.unit

AT_MOST = 0.5
"""False alarms among 100 objects."""


@cache
def halves() -> dict[str, Half]:
    return measured(pieces(), wrong.committed())


@pytest.mark.parametrize("name", ["tuning", "held out", "all"])
def test_false_alarms_are_few_and_none_is_an_error(name: str) -> None:
    half = halves()[name]
    told = [f"{alarm.found.code} {alarm.file} {alarm.found.message}" for alarm in half.false]
    assert half.objects > 500
    assert half.per_hundred(half.false) <= AT_MOST, "\n".join(told)
    assert not [alarm for alarm in half.false if alarm.found.severity is Severity.ERROR], "\n".join(told)


def test_everything_that_was_looked_at_is_still_said_and_has_a_reason() -> None:
    said = {alarm.true for alarm in halves()["all"].of(Severity.ERROR, Severity.WARNING)}
    assert {one.reason for one in TRUE} <= said
    assert all(len(one.reason) > 20 for one in TRUE)


def test_the_page_has_these_figures() -> None:
    written = page.PAGE.read_text(encoding="utf-8")
    day = re.search(r"Measured on (\S+)", written)
    assert day is not None
    assert written == page.page(halves(), wrong.committed(), day=day[1]), "run make lint-quality"


EXPECTED_BY_ANALYZERS = [
    ("virtualservice_conflictingmeshgatewayhosts.yaml", "MCP101"),
    ("virtualservice_conflictingmeshgatewayhosts_with_exportto.yaml", "MCP101"),
    ("virtualservice_destinationhosts.yaml", "MCP501"),
    ("virtualservice_destinationrules.yaml", "MCP105"),
    ("virtualservice_dupmatches.yaml", "MCP103"),
    ("virtualservice_gateways.yaml", "MCP126"),
    ("virtualservice_host_not_found_gateway.yaml", "MCP127"),
    ("virtualservice_host_not_found_gateway_with_ns_prefix.yaml", "MCP127"),
    ("virtualservice_jwtclaimroute.yaml", "MCP131"),
    ("authorizationpolicies.yaml", "MCP324"),
    ("authorizationpolicies.yaml", "MCP331"),
    ("telemetry-selector.yaml", "MCP324"),
    ("telemetry-default-selector.yaml", "MCP611"),
    ("sidecar-selector.yaml", "MCP324"),
    ("sidecar-default-selector.yaml", "MCP507"),
    ("sidecar-default-selector.yaml", "MCP909"),
    ("gateway-duplicate-certificate.yaml", "MCP413"),
    ("injection.yaml", "MCP703"),
    ("relative-envoy-filter-operation.yaml", "MCP801"),
    ("deprecation.yaml", "MCP005"),
    ("gateway-custom-ingressgateway-badport.yaml", "MCP408"),
]


@pytest.mark.parametrize(("name", "code"), EXPECTED_BY_ANALYZERS)
def test_what_istios_analyzers_report_is_reported_here(name: str, code: str) -> None:
    """They take what they get for a whole cluster."""
    file = istio() / ANALYZERS / "testdata" / name
    linted = lint([str(file)], today=date(2026, 12, 1), environment=Environment(whole_mesh=True))
    judged = {finding.code for finding in linted.findings}
    assert code in judged, judged
