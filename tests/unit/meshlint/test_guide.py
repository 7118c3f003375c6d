"""The guide's 22 documents: each known defect is found in the document that has it."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from meshlint.environment import Environment
from meshlint.lint import Linted, judge, lint
from meshlint.load import Loaded, load_bytes

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "tests" / "fixtures" / "guide"
TODAY = date(2026, 12, 1)

EXPECTED = {
    "01": "003 005 101 102 107 108 109 110 111 112 113 114 121 123 124 129 323",
    "02": "005 201 202 203 204 205 206 207 208 209 210 212 213 217",
    "03": "005",
    "04": "005 301",
    "05": "005",
    "06": "005 306 318 322 330",
    "07": "005 305",
    "08": "005 306 310 311",
    "09": "005 312 313 314 315 316 317 332",
    "10": "005 306 309",
    "11": "005 318 319",
    "12": "003 005 602 603 604 605 606 609",
    "13": "006 606 609 701 705",
    "14": "706 707",
    "15": "005 401 403 404 405 408",
    "16": "005 107 109 120 122 133 321",
    "17": "005 409 509",
    "18": "005 501",
    "19": "005 205 206 207",
    "20": "005 101 107 109 110 111 125 133",
    "21": "005 107 108 109 110 111 119 133",
    "22": "006 606 701 702 705 708 709 710 711 712 713 714 718",
}
"""Document -> the codes it gets when all are linted together, as a whole mesh.

Changing a line here changes docs/rules/coverage.md.
"""


@pytest.fixture(scope="module")
def linted() -> Linted:
    return lint([str(GUIDE)], today=TODAY, environment=Environment(whole_mesh=True))


def test_every_document_gets_exactly_its_findings(linted: Linted) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for finding in linted.findings:
        found[Path(finding.file).name[:2]].add(finding.code.removeprefix("MCP"))
    assert {document: " ".join(sorted(codes)) for document, codes in sorted(found.items())} == EXPECTED


def test_lines_point_at_the_defect(linted: Linted) -> None:
    lines = {(finding.code, Path(finding.file).name[:2], finding.line) for finding in linted.findings}
    text = (GUIDE / "01-VirtualService-chatgpt-mcp-virtualservice.yaml").read_text().splitlines()
    cors = text.index("  corsPolicy:") + 1
    assert ("MCP003", "01", cors) in lines
    assert ("MCP112", "01", text.index("    mirror:") + 1) in lines


def test_the_owner_that_wins_is_named(linted: Linted) -> None:
    """Without creation times the name decides: the fault injection test owns the host in the mesh."""
    losers = [finding for finding in linted.findings if finding.code == "MCP101"]
    assert len(losers) == 2
    assert all("VirtualService/chatgpt-production/chatgpt-fault-injection-test" in found.message for found in losers)


def test_the_cors_block_is_judged_once_it_stands_where_istio_reads_it() -> None:
    text = (GUIDE / "01-VirtualService-chatgpt-mcp-virtualservice.yaml").read_text()
    head, block = text.split("  corsPolicy:\n")
    indented = "".join(f"  {line}\n" if line else "\n" for line in block.splitlines())
    moved = head.replace("  - route:\n", f"  - corsPolicy:\n{indented}    route:\n", 1)
    loaded = Loaded()
    load_bytes(moved.encode(), "moved.yaml", loaded, explicit=True)
    codes = {finding.code for finding in judge(loaded, today=TODAY, environment=Environment()).findings}
    assert {"MCP117", "MCP118"} <= codes
    assert "MCP003" not in codes


def test_coverage_page_names_the_codes_found() -> None:
    """Each row of the page names codes that its document really gets (or, in its last column, why there is none)."""
    page = (ROOT / "docs" / "rules" / "coverage.md").read_text()
    rows = re.findall(r"^\| (\d+) \| .*?\| (.*?) \|$", page, re.MULTILINE)
    assert {f"{int(document):02}" for document, _ in rows} == set(EXPECTED)
    for document, cell in rows:
        for code in re.findall(r"MCP(\d{3})\]", cell):
            elsewhere = re.findall(rf"MCP{code}\]\(MCP{code}\.md\)(?: at (\d+)| once mended)", cell)
            at = [f"{int(number):02}" for number in elsewhere if number] or [f"{int(document):02}"]
            if f"MCP{code}.md) once mended" in cell:
                continue
            assert all(code in EXPECTED[where] for where in at), (document, code)


def test_the_recommended_edge_has_no_findings_but_the_ones_listed() -> None:
    edge = ROOT / "tests" / "fixtures" / "edge"
    found = lint([str(edge)], today=TODAY, environment=Environment()).findings
    page = (ROOT / "docs" / "rules" / "coverage.md").read_text()
    section = page.partition("## The recommended edge")[2]
    assert {finding.code for finding in found} == set(re.findall(r"\[(MCP\d{3})\]", section))
    assert not [finding for finding in found if finding.severity == "error"]
