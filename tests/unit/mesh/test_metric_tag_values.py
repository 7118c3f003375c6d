"""No client makes a series: whatever it sends, each metric tag of each stack has one of a few known values (B36).

Google's CEL evaluates the expressions here; Envoy's own parser takes them in tests/lab/test_envoys_parser.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings

from chatgpt_mesh.mesh.objects.mcp_tags import REFUSAL, REFUSALS, TOOL
from chatgpt_mesh.mesh.specs.metric_tags import MOST_VALUES, MetricTagSpec
from chatgpt_mesh.mesh.specs.telemetry import named_tools
from tests.surroundings import STACKS, surroundings
from tests.unit.golden import product
from tests.unit.random_stacks import TAKES_LONG, stacks

pytestmark = pytest.mark.unit

ERROR = "unknown"
"""What Istio's proxy reports where an expression has no value: https://istio.io/latest/docs/reference/config/metrics/"""

TEXTS = (
    *(
        "",
        " ",
        "gpt-5",
        "GPT-5",
        "gpt-5 ",
        "free",
        "execute_sql",
        "tools/call execute_sql",
        "search",
        "unknown",
        "other",
    ),
    *("' || true", "'] ? request.headers['authorization'] : '", "%REQ(COOKIE)%", "\u202e", "a\nb", "x" * 4096),
)
HEADERS = ("x-chatgpt-model", "x-user-tier", "x-client", "mcp-name", "mcp-method")
CODES = (None, 0, 101, 200, 302, 400, 401, 403, 413, 429, 499, 500, 504, 999)
ROUTES = (None, "chatgpt-mcp.mcp.no-token", "x.invalid-token", "x.tool-3", "made.up", "")


def requests() -> Iterator[dict[str, Any]]:
    """Attributes of requests, by their first names, as a hostile client and any answer make them."""
    for number, (code, route) in enumerate(itertools.product(CODES, ROUTES)):
        text = TEXTS[number % len(TEXTS)]
        size = (0, 1024, 1025, 2**40)[number % 4]
        yield {
            "request": {
                "headers": {} if number % 5 == 0 else dict.fromkeys(HEADERS, text),
                "method": text,
                "path": f"/{text}?{text}",
                "url_path": f"/{text}",
                "size": size,
            },
            "response": {"size": size} | ({} if code is None else {"code": code}),
            "xds": {} if route is None else {"route_name": route},
            "metadata": {"filter_metadata": {} if number % 3 == 0 else {"mcp.call": {"call": text}}},
        }


@cache
def environment() -> cel.Env:
    names = ("request", "response", "xds", "metadata")
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type("map<string, dyn>")))


def seen(expression: str) -> set[str]:
    """Every value that an expression has for one of the requests."""
    compiled = environment().compile(expression)
    found: set[str] = set()
    for request in requests():
        value = compiled.eval(data=request)
        # An error is a value of its own.
        found.add(str(value.plain_value()) if value.type() == cel.Type.STRING else ERROR)
    return found


def allowed(tag: MetricTagSpec) -> set[str]:
    """What the declaration says a tag may be."""
    if tag.response_class:
        return {"success", "client_error", "server_error", "none"}
    if tag.size is not None:
        return {"more", *(f"le_{bound}" for bound in tag.size.buckets)}
    return {*tag.values, tag.other, *([tag.absent] if tag.header is not None else [])}


def tags(built: product.Built) -> Iterator[tuple[str, str, set[str]]]:
    """(name, expression, allowed values) of every tag that a stack renders."""
    telemetry = built.settings.telemetry
    everywhere = {
        **{name: allowed(tag) for name, tag in telemetry.metrics.tags.items()},
        REFUSAL: set(REFUSALS),
        TOOL: {*named_tools(built.settings.apps), "other", "none"},
    }
    of_apps = {
        name: {**everywhere, **{tag: allowed(spec) for tag, spec in one.metrics.tags.items()}}
        for name, one in telemetry.apps.items()
        if one.metrics is not None
    }
    for made in built.objects:
        if made.manifest["kind"] != "Telemetry":
            continue
        known: Mapping[str, set[str]] = of_apps.get(made.owner.removeprefix("telemetry.apps."), everywhere)
        for metrics in made.manifest["spec"].get("metrics", ()):
            for override in metrics.get("overrides", ()):
                for name, tag in override["tagOverrides"].items():
                    if "value" in tag:
                        yield name, tag["value"], known[name]


def check_bounded(built: product.Built) -> int:
    checked = 0
    for name, expression, values in {one[:2]: one for one in tags(built)}.values():
        assert len(values) <= MOST_VALUES + 2, f"{name} has {len(values)} values"
        assert seen(expression) <= values | {ERROR}, f"{name}: {expression}"
        checked += 1
    return checked


@pytest.mark.parametrize("stack", STACKS)
def test_every_tag_of_a_shipped_stack_has_one_of_its_values(stack: str, tmp_path: Path) -> None:
    with surroundings(tmp_path / "machine"):
        assert check_bounded(product.of_stack(stack)) >= 6


def test_every_tag_of_stacks_that_nobody_wrote_has_one_of_its_values(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    checked = 0

    # What fails is a small expression already, and shrinking a whole stack to it would take minutes.
    @hypothesis_settings(deadline=None, suppress_health_check=TAKES_LONG, phases=[Phase.generate])
    @given(stacks())
    def drawn(stack: dict[str, Any]) -> None:
        nonlocal checked
        checked += check_bounded(product.of_values(stack))

    with surroundings(tmp_path_factory.mktemp("machine") / "x"):
        drawn()
    assert checked


def test_requests_reach_every_value_and_an_open_tag_would_be_found() -> None:
    assert len(seen("request.headers['x-client']")) > len(TEXTS) / 2
    assert not seen("'x-client' in request.headers ? request.headers['x-client'] : 'none'") <= {"free", "other", "none"}
    tier = "'x-user-tier' in request.headers ? (request.headers['x-user-tier'] in ['free'] ? 'free' : 'other') : 'none'"
    assert seen(tier) == {"free", "other", "none"}
