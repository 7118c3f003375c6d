"""The objects of every stack and of every concern are those that were reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.surroundings import surroundings
from tests.unit.golden import HERE, WHOLE_STACKS, concern, rendered, rendered_beside

pytestmark = pytest.mark.unit

MEND = "If they should: make golden, and show the difference to whoever reviews."


@pytest.fixture(autouse=True, scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with surroundings(tmp_path_factory.mktemp("golden") / "machine"):
        yield


@pytest.mark.parametrize("stack", WHOLE_STACKS)
def test_the_objects_of_a_stack_are_those_in_its_file(stack: str) -> None:
    reviewed = (HERE / f"{stack}.yaml").read_text(encoding="utf-8")
    assert rendered(stack) == reviewed, f"The objects have changed. {MEND}"


def test_the_lab_differs_from_staging_where_its_file_says() -> None:
    reviewed = (HERE / "lab-beside-staging.yaml").read_text(encoding="utf-8")
    assert rendered_beside("lab", "staging") == reviewed, f"The differences have changed. {MEND}"


@pytest.mark.parametrize("name", concern.CONCERNS)
class TestConcern:
    def test_the_declaration_makes_what_stands_below_it(self, name: str) -> None:
        reviewed = (concern.HERE / f"{name}.yaml").read_text(encoding="utf-8")
        assert concern.rendered(name) == reviewed, f"The objects have changed. {MEND}"

    def test_a_person_can_read_it_at_once(self, name: str) -> None:
        written = concern.declaration(name)
        assert re.match(r"# [^\n]+\.\n", written), "the first line says what the declaration is for"
        assert len(written.splitlines()) <= 25, "a declaration has a few lines; let it stand on another one"

    def test_it_is_yaml_and_adds_something(self, name: str) -> None:
        text = (concern.HERE / f"{name}.yaml").read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        assert documents[1:]

    def test_the_checker_finds_nothing_in_it(self, name: str) -> None:
        assert concern.built(name).findings() == []


def test_declarations_stand_on_files_of_this_directory() -> None:
    assert {parent for name in concern.CONCERNS for parent in concern.parents(name)} <= set(concern.CONCERNS)
