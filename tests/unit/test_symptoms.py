"""What 'ChatGPT cannot connect' says of a status is what the gateway's routes answer."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.documentation import ROOT, as_stack, blocks
from tests.unit.golden import product

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "chatgpt-cannot-connect.md"
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
SYMPTOMS = (
    *("401", "403", "404", "405", "406", "421", "307", "413", "429", "431", "502", "503", "session not found"),
    *("cors", "no oauth prompt", "domain not verified", "stream"),
)
_NAME = re.compile(r"`\.([a-z][a-z0-9.-]*)`")
_OF_PAGES = (PAGE, ROOT / "docs" / "apps.md", ROOT / "docs" / "mcp.md")


@cache
def _answers(directory: Path) -> dict[str, set[int | None]]:
    """Statuses by the name of the MCP app's routes, without the app's, over the declarations of some pages; None for a
    route that leads on."""
    found: dict[str, set[int | None]] = {}
    built = [product.of_file(as_stack(block, directory)) for block in blocks("yaml part") if block.page in _OF_PAGES]
    for made in (made for one in built for made in one.objects if made.key.startswith("VirtualService/")):
        for route in made.manifest["spec"].get("http", ()):
            name, _, rest = route.get("name", "").partition(".")
            if name == "chatgpt-mcp":
                found.setdefault(rest, set()).add(route.get("directResponse", {}).get("status"))
    return found


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_has_a_section(symptom: str) -> None:
    assert [title for title in SECTIONS if symptom in title.lower()]


def test_each_route_that_is_named_answers_with_the_status_of_its_section(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    answers = _answers(tmp_path_factory.mktemp("stacks"))
    told = [(title, name) for title, text in SECTIONS.items() for name in _NAME.findall(text)]
    assert len(told) > 8
    for title, name in told:
        statuses = {int(status) for status in re.findall(r"\b[45]\d\d\b", title)} | {None}
        assert name in answers, f"no route is called .{name}"
        assert answers[name] & statuses, f".{name} answers {answers[name]}, and stands under {title}"
