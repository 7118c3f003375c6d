"""A route that compares a claim with a few values binds a token as one that compares it with one value does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlint.view.strings import exact_values
from meshlint.view.token_claims import binds_token, exact_claims

pytestmark = pytest.mark.unit

AUDIENCE = "@request.auth.claims[aud]"


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_alternatives_of_plain_text_are_the_values_that_they_are_made_of(values: list[str]) -> None:
    assert exact_values({"regex": "|".join(map(re.escape, values))}) == tuple(values)


@pytest.mark.parametrize("pattern", ["", ".*", "a.b", "a|", "|a", "(a|b)", "a+", "[ab]", r"a\d", "^a", "a$", "(?i)a"])
def test_any_other_expression_may_take_values_that_nobody_has_listed(pattern: str) -> None:
    assert exact_values({"regex": pattern}) == ()


@pytest.mark.parametrize(
    ("match", "bound"),
    [
        ({"exact": "https://a.example.com/mcp"}, True),
        ({"regex": r"https://a\.example\.com/mcp|https://b\.example\.com/mcp"}, True),
        ({"regex": "https://a.example.com/.*"}, False),
        ({"prefix": "https://a.example.com"}, False),
        ({}, False),
    ],
)
def test_a_token_is_bound_by_an_audience_that_is_compared_exactly(match: dict[str, str], bound: bool) -> None:
    assert binds_token({"headers": {AUDIENCE: match}}) is bound


def test_what_is_no_claim_or_no_text_compares_nothing() -> None:
    assert exact_claims({"headers": {"x-aud": {"exact": "a"}, AUDIENCE: {"regex": 5}, "host": None}}) == {}
