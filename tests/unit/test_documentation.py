"""Every command and every block of the documentation is run, or checked as far as one machine can."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documentation import KINDS, ROOT, Block, as_stack, blocks, matches, pages
from tests.unit.golden import product
from tests.unit.stack import said_settings

EXTENDS = "chatgpt-mesh:extends"
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {".venv/installed"}


def shell(command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1"}
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_says_who_runs_it(block: Block) -> None:
    assert block.kind in KINDS, f"{block}: ```{block.kind} is no known fence; tests/documentation.py lists them"


@pytest.mark.parametrize("block", blocks("sh unit"), ids=str)
def test_command_runs_and_prints_what_the_page_shows(block: Block) -> None:
    run = shell(block.text)
    if block.printed is None:
        assert run.returncode == 0, run.stdout + run.stderr
    else:
        assert matches(run.stdout + run.stderr, block.printed), run.stdout + run.stderr


@pytest.mark.parametrize("block", blocks("sh unit", "sh lab", "sh make", "sh cloud"), ids=str)
def test_names_only_targets_and_modules_that_exist(block: Block) -> None:
    parsed = subprocess.run(["/bin/bash", "-n", "-c", block.text], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr
    for target in re.findall(r"\bmake ([a-z./-]+)", block.text):
        assert target in MAKE_TARGETS, f"the Makefile has no target {target}"
    for module in re.findall(r"\bpython3? -m ([\w.]+)", block.text):
        assert module in sys.stdlib_module_names or importlib.util.find_spec(module), f"there is no module {module}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), f"{page}: {target} does not exist"


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_a_heading_find_it(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        if target == "" or target.endswith(".md"):
            assert anchor in _anchors(page.parent / target if target else page), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("block", blocks("yaml stack", "yaml part"), ids=str)
def test_declaration_is_a_mesh_without_mistakes(block: Block, tmp_path: Path) -> None:
    built = product.of_file(as_stack(block, tmp_path))
    assert built.objects
    assert built.findings() == []


def test_every_setting_stands_in_a_block() -> None:
    """Somebody who looks for a setting on a page finds it in a declaration that the program takes as it is."""
    documents = [yaml.safe_load(block.text)["config"] for block in blocks("yaml stack", "yaml part")]
    shown = said_settings.said(
        {key.removeprefix("chatgpt-mesh:"): value for key, value in document.items() if key != EXTENDS}
        for document in documents
    )
    missing = sorted(f"{model}.{name}" for model, name in said_settings.every() - shown)
    assert missing == [], "in no block of a page"


@pytest.mark.parametrize("block", blocks("yaml manifests"), ids=str)
def test_manifests_pass_the_checker(block: Block) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "meshlint", "lint", "--fail-on", "error", "-"],
        cwd=ROOT,
        input=block.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block) -> None:
    run = subprocess.run(
        [sys.executable, "-c", block.text], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("block", blocks("python example", "yaml example"), ids=str)
def test_example_is_part_of_a_program_that_runs(block: Block) -> None:
    programs = [*(ROOT / "examples").rglob("__main__.py"), *(ROOT / "examples").rglob("Pulumi.yaml")]
    assert any(block.text in program.read_text(encoding="utf-8") for program in programs)
