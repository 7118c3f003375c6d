"""Headers that a gateway writes from verified claims: nobody else writes them, and what a route asks of them it asks of
the token."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml

import meshlint
from meshlint.reachability.answer import answer
from meshlint.reachability.compare import changes, told
from meshlint.reachability.request import Token
from tests.unit.meshlint.shop import GOOD, SHOP, mesh, outside

CLAIMED = SHOP.replace(
    '    fromHeaders: [{name: Authorization, prefix: "Bearer "}]\n',
    '    fromHeaders: [{name: Authorization, prefix: "Bearer "}]\n'
    "    outputClaimToHeaders: [{header: X-Plan, claim: plan}, {header: x-end, claim: exp}]\n",
)
AUDIENCE = 'headers: {"@request.auth.claims[aud]": {exact: "https://mcp.example.com/mcp"}}'
BY_PLAN = CLAIMED.replace(AUDIENCE, AUDIENCE.replace("}}", '}, x-plan: {exact: "gold"}}'))
BY_END = CLAIMED.replace(AUDIENCE, AUDIENCE.replace("}}", '}, x-end: {regex: "[1-9].*"}}'))


def _with(**claims: Any) -> Token:
    return replace(GOOD, claims={**GOOD.claims, **claims})


@pytest.mark.parametrize(
    ("objects", "claims", "sent", "status"),
    [
        (BY_PLAN, {"plan": "gold"}, {}, 200),
        (BY_PLAN, {"plan": "silver"}, {}, 401),
        (BY_PLAN, {"plan": "silver"}, {"x-plan": "gold"}, 401),
        (BY_PLAN, {}, {"x-plan": "gold"}, 401),
        (BY_PLAN, {"plan": ["gold"]}, {}, 401),
        (BY_PLAN.replace('exact: "gold"', 'exact: "true"'), {"plan": True}, {}, 200),
        (BY_PLAN.replace('exact: "gold"', 'exact: "WyJnb2xkIl0="'), {"plan": ["gold"]}, {}, 200),
        (BY_END, {}, {}, 200),
        (BY_END, {"exp": 1_800_000_000}, {}, 200),
        (BY_END, {"exp": None}, {}, 401),
        (BY_END, {"exp": None}, {"x-end": "1800000000"}, 401),
        (BY_END, {"exp": 0}, {}, 401),
    ],
)
def test_a_route_sees_what_the_gateway_has_written(
    objects: str, claims: dict[str, Any], sent: dict[str, str], status: int
) -> None:
    assert answer(mesh(objects), outside(token=_with(**claims), headers=sent)).status == status


def test_without_a_token_a_client_cannot_write_them_either() -> None:
    anonymous = CLAIMED.replace(AUDIENCE, 'headers: {x-plan: {exact: "gold"}}')
    assert answer(mesh(anonymous), outside(token=None, headers={"x-plan": "gold"})).status == 401


def test_where_no_gateway_writes_them_a_client_does() -> None:
    assert answer(mesh(BY_PLAN.replace("outputClaimToHeaders", "x")), outside(headers={"x-plan": "gold"})).status == 200


@pytest.mark.parametrize(("objects", "said"), [(BY_END, "without exp"), (BY_PLAN, "with a token of")])
def test_a_condition_that_goes_is_told_by_the_token_that_it_kept_out(objects: str, said: str) -> None:
    found = [told(change.request, change.methods) for change in changes(mesh(objects), mesh(CLAIMED)) if change.opens]
    assert found, "nothing is said to open"
    assert any(said in one for one in found), found
    assert not [one for one in found if "x-plan" in one or "x-end" in one], "what a client sends is dropped"


def _by_client(objects: str) -> list[str]:
    found = meshlint.run(list(yaml.safe_load_all(objects)), today=date(2026, 1, 1)).findings
    return [str(one.path[-1]) for one in found if one.code == "MCP113"]


def test_no_client_decides_by_them() -> None:
    assert _by_client(BY_PLAN) == []
    assert _by_client(BY_PLAN.replace("outputClaimToHeaders", "fromCookies")) == ["x-plan"]
    assert _by_client(BY_PLAN.replace("x-plan: {exact", "x-other: {exact")) == ["x-other"]


def test_what_may_be_written_by_a_gateway_that_is_not_shown_is_not_judged() -> None:
    route = next(one for one in BY_PLAN.split("---\n") if "kind: VirtualService" in one)
    assert _by_client(route) == []
    assert _by_client(route.replace('"@request.auth.claims[aud]"', "x-tenant")) == ["x-plan", "x-tenant"]
