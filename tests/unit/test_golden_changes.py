"""A golden of changes shows every change, and little else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.golden.changes import only_changes
from tests.unit.golden.plain_yaml import plain

pytestmark = pytest.mark.unit

ROUTES: dict[str, Any] = {
    "hosts": ["a.example.com"],
    "http": [{"name": "one", "timeout": "1s", "retries": {"attempts": 2}}, {"name": "two"}, {"name": "three"}],
}


def shown(**changes: Any) -> str:
    return plain(only_changes(ROUTES, {**ROUTES, **changes}))


def test_a_list_of_texts_is_shown_whole() -> None:
    assert shown(hosts=["a.example.com", "b.example.com"]) == "hosts:\n- a.example.com\n- b.example.com\n"


def test_an_entry_is_shown_by_its_name_and_what_differs() -> None:
    one, *rest = ROUTES["http"]
    assert shown(http=[{**one, "timeout": "2s"}, *rest]) == "http:\n- name: one\n  timeout: 2s\n# 2 as before\n"


def test_a_new_entry_is_shown_whole_and_where_it_stands() -> None:
    one, *rest = ROUTES["http"]
    text = shown(http=[one, {"name": "new", "timeout": "9s"}, *rest])
    assert text == "http:\n# as before: one\n- name: new\n  timeout: 9s\n# 2 as before\n"


def test_what_has_gone_is_said() -> None:
    one, _, three = ROUTES["http"]
    without_timeout = {key: value for key, value in one.items() if key != "timeout"}
    text = shown(http=[without_timeout, three])
    assert text == "http:\n- name: one\n  # no longer: timeout\n# no longer: two\n# as before: three\n"


LEAF = st.text("ab:#'\"\n", max_size=3) | st.integers(2, 4)
ENTRY = st.dictionaries(st.sampled_from(["name", "key", "x"]), st.sampled_from(["a", "b", "c"]), max_size=3)
VALUE = st.dictionaries(st.sampled_from("pqr"), LEAF | st.lists(ENTRY, max_size=4) | st.lists(LEAF, max_size=2))


@given(VALUE, VALUE, VALUE)
def test_two_different_changes_look_different(before: Any, one: Any, other: Any) -> None:
    assume(one != other)
    assert plain(only_changes(before, one)) != plain(only_changes(before, other))


@given(VALUE, VALUE)
def test_what_is_shown_is_yaml(before: Any, after: Any) -> None:
    yaml.safe_load(plain(only_changes(before, after)))
    assert yaml.safe_load(plain(after)) == after
