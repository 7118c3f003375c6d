"""`meshlint` as somebody meets it who has a YAML file and a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from meshlint.__main__ import main

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "tests" / "fixtures" / "guide"
CLEAN = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
WARNED = CLEAN.replace("STRICT", "DISABLE")
BROKEN = CLEAN.replace("STRICT", "STRICTLY")


@dataclass
class Done:
    returncode: int
    stdout: str


def run(*arguments: str, text: str = "") -> Done:
    """The command in this process: what it prints, and the status it would exit with."""
    printed = io.StringIO()
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            status = main(list(arguments))
    except SystemExit as left:
        status = int(left.code or 0)
    finally:
        sys.stdin = stdin
    return Done(status, printed.getvalue())


def test_exit_codes() -> None:
    assert run("lint", "-", text=CLEAN).returncode == 0
    assert run("lint", "-", text=WARNED).returncode == 1
    assert run("lint", "-", "--fail-on", "error", text=WARNED).returncode == 0
    assert run("lint", "-", "--fail-on", "error", text=BROKEN).returncode == 1
    assert run("lint").returncode == 2
    assert run("lint", "/nowhere.yaml").returncode == 2
    assert run("lint", "-", "--today", "soon", text=CLEAN).returncode == 2
    assert run().returncode == 2
    assert run("explain", "MCP999").returncode == 2


def test_nothing_found_says_so() -> None:
    done = run("lint", "-", text=CLEAN)
    assert done.stdout.splitlines()[-1] == "no findings in 1 object"


def test_a_finding_shows_place_sentence_and_excerpt() -> None:
    lines = run("lint", "-", text=WARNED).stdout.splitlines()
    assert lines[0] == "warning MCP301 -:4 PeerAuthentication/shop/default"
    assert lines[1].startswith("  spec.mtls.mode is DISABLE, so callers without an identity get in; write STRICT")
    assert "  4 > spec: {mtls: {mode: DISABLE}}" in lines


def test_severity_hides_what_is_below() -> None:
    assert "MCP301" not in run("lint", "-", "--severity", "error", text=WARNED).stdout


def test_what_was_not_judged_is_said_and_listed_on_request() -> None:
    assert re.search(r"\d+ rules did not judge", run("lint", "-", text=CLEAN).stdout)
    assert "MCP104: there is no registry among the objects" in run("lint", "-", "--verbose", text=CLEAN).stdout


def test_accepted_findings_are_listed_with_their_reason() -> None:
    text = f"# accept: MCP301 until 2027-03-01 because the old client moves\n{WARNED}"
    done = run("lint", "-", "--today", "2026-12-01", text=text)
    assert done.returncode == 0
    assert "MCP301 PeerAuthentication/shop/default until 2027-03-01: the old client moves" in done.stdout


def test_colour_only_where_it_is_wanted() -> None:
    assert "\033[" not in run("lint", "-", text=WARNED).stdout
    assert "\033[" in run("lint", "-", "--colour", "always", text=WARNED).stdout


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colour_unless_no_color_is_set(no_colour: str, coloured: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(WARNED)
    master, slave = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_colour, "TERM": "xterm"}
    command = [sys.executable, "-m", "meshlint", "lint", str(file)]
    subprocess.run(command, cwd=ROOT, stdout=slave, env=environment, timeout=60, check=False)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert ("\033[" in shown) is coloured


def test_control_characters_of_the_input_do_not_reach_the_terminal() -> None:
    evil = WARNED.replace("name: default", 'name: "a\\u001b]0;x"').replace("shop}", "shop} # \u202e\u009b31m")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", run("lint", "-", text=evil).stdout)


def test_json() -> None:
    document = json.loads(run("lint", "-", "--format", "json", text=WARNED).stdout)
    (finding,) = document["findings"]
    assert set(finding) == {"code", "severity", "message", "file", "line", "object", "fingerprint", "also"}
    assert (finding["code"], finding["line"], finding["severity"]) == ("MCP301", 4, "warning")
    assert finding["object"] == "PeerAuthentication/shop/default"
    assert all(set(entry) == {"code", "reason"} for entry in document["not_judged"])


def test_sarif_has_a_rule_and_a_place_for_each_result() -> None:
    document = json.loads(run("lint", str(GUIDE), "--format", "sarif").stdout)
    (only,) = document["runs"]
    assert document["version"] == "2.1.0"
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert len(only["results"]) > 100
    for result in only["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_github_annotations_are_one_line_each() -> None:
    lines = run("lint", "-", "--format", "github", text=WARNED).stdout.splitlines()
    assert len(lines) == 1
    assert re.match(r"::warning file=-,line=4,title=MCP301::PeerAuthentication/shop/default: spec\.mtls", lines[0])


def test_a_pipe_that_closes_early_is_no_traceback() -> None:
    shell = f"{sys.executable} -m meshlint lint {GUIDE} | head -1"
    done = subprocess.run(["/bin/bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_explain() -> None:
    page = run("explain", "mcp107").stdout
    assert page.startswith("# MCP107: ")
    assert "## Bad" in page
    assert "## Good" in page
    assert len(run("explain").stdout.splitlines()) > 100


def test_it_needs_neither_pulumi_nor_the_declaration_layer() -> None:
    """Only the rules' own requirements are imported, and CEL only when an expression is met."""
    foreign = ("pulumi", "chatgpt_mesh", "cel_expr_python", "pydantic", "kubernetes")
    code = (
        "import io, sys; sys.stdin = io.TextIOWrapper(io.BytesIO(b'a: 1'));"
        "from meshlint.__main__ import main; main(['lint', '-']);"
        f"print([name for name in {foreign} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


PLAIN = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]
"""
"""Taste on a laptop, and a hole where tokens come in."""


def test_the_strict_profile_calls_taste_by_what_it_costs() -> None:
    assert run("lint", "-", text=PLAIN).returncode == 0
    assert "info MCP410" in run("lint", "-", text=PLAIN).stdout
    strict = run("lint", "-", "--profile", "strict", "--fail-on", "error", text=PLAIN)
    assert strict.returncode == 1
    assert "error MCP410" in strict.stdout
    assert run("lint", "-", "--profile", "hard", text=PLAIN).returncode == 2


def test_a_whole_mesh_lacks_what_is_not_among_the_objects() -> None:
    route = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [api.example.com]
  tls: [{match: [{port: 443, sniHosts: [api.example.com]}], route: [{destination: {host: api.example.com}}]}]
"""
    assert "MCP501" not in run("lint", "-", text=route).stdout
    assert "error MCP501" in run("lint", "-", "--whole-mesh", text=route).stdout
