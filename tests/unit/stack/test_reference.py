"""Every setting is documented where it is declared, and the reference page is made from that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from chatgpt_mesh.stack import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "stack.md"
SCHEMA = MeshSpec.model_json_schema(mode="validation")
FIELDS = [
    (owner, name, about)
    for owner, definition in [("MeshSpec", SCHEMA), *SCHEMA["$defs"].items()]
    for name, about in definition.get("properties", {}).items()
]


@pytest.mark.parametrize(("owner", "name", "about"), FIELDS, ids=[f"{owner}.{name}" for owner, name, _ in FIELDS])
def test_every_field_of_every_spec_says_what_it_is(owner: str, name: str, about: dict[str, Any]):
    assert about.get("description"), f"{owner}.{name} has no docstring"


@pytest.mark.parametrize("name", [name for name, definition in SCHEMA["$defs"].items() if "properties" in definition])
def test_every_spec_says_what_it_is(name: str):
    assert SCHEMA["$defs"][name].get("description"), f"{name} has no docstring"


def test_the_committed_page_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "run: python -m stack reference > docs/reference/stack.md"
    )


def test_every_link_within_the_page_leads_to_a_heading_of_one_name():
    page = reference.page()
    headings = [
        line.removeprefix("## ").lower().replace(" ", "-") for line in page.splitlines() if line.startswith("## ")
    ]
    assert len(headings) == len(set(headings))
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links <= set(headings)
