"""Istio's own samples and the test data of its analyzers: nothing breaks, and every error has been looked at."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from meshlint.environment import Environment
from meshlint.lint import lint

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
TREES = {"samples": "samples", "test data": "pkg/config/analysis/analyzers/testdata"}


@cache
def istio() -> Path:
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio"]
    found = subprocess.run(
        command, cwd=ROOT / "lab" / "toolchain" / "istio", check=True, capture_output=True, text=True
    )
    return Path(found.stdout.strip())


@cache
def errors(tree: str) -> Counter[str]:
    """Errors by code, each file linted on its own, as somebody would who tries one."""
    found: Counter[str] = Counter()
    files = [file for file in sorted((istio() / TREES[tree]).rglob("*.y*ml")) if "templates" not in file.parts]
    assert len(files) > 100
    for file in files:
        linted = lint([str(file)], today=date(2026, 12, 1), environment=Environment())
        found.update(finding.code for finding in linted.findings if finding.severity == "error")
    return found


def test_every_error_on_istios_own_files_is_justified_in_the_docs() -> None:
    page = (ROOT / "docs" / "rules" / "false-alarms.md").read_text()
    rows = re.findall(r"^\| \[(MCP\d{3})\]\(\1\.md\) \| (\d*) \| (\d*) \| (.+) \|$", page, re.MULTILINE)
    written = {code: (int(samples or 0), int(data or 0)) for code, samples, data, _ in rows}
    samples, data = errors("samples"), errors("test data")
    assert written == {code: (samples[code], data[code]) for code in sorted({*samples, *data})}
    assert all(len(reason) > 20 for *_, reason in rows)


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
    ("gateway-duplicate-certificate.yaml", "MCP413"),
    ("injection.yaml", "MCP703"),
    ("relative-envoy-filter-operation.yaml", "MCP801"),
    ("deprecation.yaml", "MCP005"),
    ("gateway-custom-ingressgateway-badport.yaml", "MCP408"),
]


@pytest.mark.parametrize(("name", "code"), EXPECTED_BY_ANALYZERS)
def test_what_istios_analyzers_report_is_reported_here(name: str, code: str) -> None:
    """They take what they get for a whole cluster."""
    file = istio() / TREES["test data"] / name
    linted = lint([str(file)], today=date(2026, 12, 1), environment=Environment(whole_mesh=True))
    judged = {finding.code for finding in linted.findings}
    assert code in judged, judged
