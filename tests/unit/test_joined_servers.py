"""The page and the example of a joined endpoint: what one says, the other does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack.settings import load_stack
from tests.documentation import ROOT, Block, as_stack, blocks

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "joined-servers.md"
EXAMPLE = ROOT / "examples" / "joined-servers"
RULE = "          orders_execute_sql: {scope: chatgpt.tools.execute}\n"


def declared() -> Block:
    return next(block for block in blocks("yaml part") if block.page == PAGE)


def test_without_the_rule_the_program_says_what_the_page_shows(tmp_path: Path):
    block = declared()
    assert RULE in block.text
    [said] = [block.text for block in blocks("text") if block.page == PAGE]
    without = Block(block.page, block.line, block.kind, block.text.replace(RULE, ""))
    with pytest.raises(InvalidConfig) as refused:
        load_stack(as_stack(without, tmp_path))
    assert [str(problem) for problem in refused.value.problems] == [said.strip()]


def test_the_pods_join_what_is_declared(tmp_path: Path):
    apps = load_stack(as_stack(declared(), tmp_path)).apps
    mcp = apps["tools"].mcp
    assert mcp is not None
    [pod] = [
        one["spec"]["template"]["spec"]
        for one in yaml.safe_load_all((EXAMPLE / "tools.yaml").read_text(encoding="utf-8"))
        if one["kind"] == "Deployment"
    ]
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    behind = dict(one.split("=", 1) for one in environment["JOINED_SERVERS"].split())
    assert {f"{prefix}_": url for prefix, url in behind.items()} == {
        prefix: f"http://{apps[name].service_host}:8080/mcp" for prefix, name in mcp.joins.items()
    }
    assert environment["REST_URL"] == f"http://{apps['chatgpt-api'].service_host}:8080"
    assert pod["serviceAccountName"] == apps["tools"].identity_name


def test_guarded_tools_of_the_rest_api_are_operations_of_its_document():
    document = json.loads((EXAMPLE / "stock.openapi.json").read_text(encoding="utf-8"))
    operations = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    guarded = set(re.findall(r"^ +stock_(\w+): \{scope", declared().text, re.MULTILINE))
    assert guarded
    assert guarded <= operations


def test_the_example_is_tried_with_the_version_that_it_asks_for():
    asked = (EXAMPLE / "requirements.txt").read_text(encoding="utf-8").strip()
    tried = ROOT / "tests" / "lab" / "real_clients" / "pypi" / "requirements.txt"
    assert asked in tried.read_text(encoding="utf-8").splitlines()
