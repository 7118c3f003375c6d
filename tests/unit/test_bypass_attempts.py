"""Attempts to get around an endpoint's rules: how many there are, of how many kinds, and no two are the same."""

from __future__ import annotations

import pytest

from lab.workloads import tokens
from tests.lab.bypass import page
from tests.lab.bypass.attempt import WIRES, Forge, rendered
from tests.lab.bypass.kinds import KINDS
from tests.lab.bypass.wire import as_bytes, header_block

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    directory = tmp_path_factory.mktemp("issuer")
    tokens.ensure_keys(directory)
    return Forge(tokens.load_keys(directory))


def test_there_are_at_least_five_hundred_of_at_least_twenty_kinds() -> None:
    assert sum(len(kind.attempts) for kind in KINDS) >= 500
    assert len(KINDS) >= 20
    assert all(len(kind.attempts) >= 5 for kind in KINDS)


@pytest.mark.parametrize("wire", WIRES)
def test_no_two_are_the_same_request(forge: Forge, wire: str) -> None:
    sent: dict[bytes, str] = {}
    for kind in KINDS:
        for attempt in kind.attempts:
            request = rendered(attempt, wire, forge)
            raw = header_block(request) + request.body if attempt.http2 else as_bytes(request)
            name = f"{kind.name}: {attempt.name}"
            assert sent.setdefault(raw, name) == name, f"{name} is what {sent[raw]} is"


def test_each_has_a_name_of_its_own() -> None:
    for kind in KINDS:
        names = [attempt.name for attempt in kind.attempts]
        assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]


def test_the_page_counts_them() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.written()
