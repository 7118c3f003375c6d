"""Nothing is rendered that Istio's own proxy lacks: an upstream Envoy, as the lab has it, would not tell.

One name that a proxy does not know makes it refuse the whole listener, and keep what it had before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from meshlint.schemas import proxyv2
from tests.surroundings import ROOT, STACKS, surroundings
from tests.unit import extension_names, random_stacks
from tests.unit.golden import concern, product

pytestmark = pytest.mark.unit

LIST = ROOT / "meshlint" / "schemas" / "proxyv2_extensions.txt"


@pytest.fixture(autouse=True, scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with surroundings(tmp_path_factory.mktemp("extensions") / "machine"):
        yield


def named(built: product.Built) -> Iterator[extension_names.Named]:
    for made in built.objects:
        yield from extension_names.in_object(made.manifest)
    yield from extension_names.in_mesh_config(built.mesh_config)
    for chart, values in built.chart_values.items():
        yield from extension_names.in_chart_values(chart, values)


def lacking(built: product.Built) -> list[str]:
    """What Istio's proxy does not have."""
    return [str(found) for found in named(built) if found.name not in proxyv2.extensions()]


def test_the_list_is_of_names_and_says_where_it_is_from() -> None:
    first, *names = LIST.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert "istio/proxy" in first
    assert "release-" in first
    assert names == sorted(proxyv2.extensions())


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_names_only_what_the_proxy_has(stack: str) -> None:
    built = product.of_stack(stack)
    assert len({found.name for found in named(built)}) > 8, "the walk no longer finds them"
    assert lacking(built) == []


@pytest.mark.parametrize("name", concern.CONCERNS)
def test_a_concern_names_only_what_the_proxy_has(name: str) -> None:
    assert lacking(concern.built(name)) == []


# What a stack renders is told by a few dozen of them; `thorough` takes more.
@settings(max_examples=max(30, settings().max_examples), suppress_health_check=[HealthCheck.too_slow])
@given(random_stacks.stacks())
def test_any_stack_names_only_what_the_proxy_has(stack: dict[str, Any]) -> None:
    assert lacking(product.of_values(stack)) == []


FILTER = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: planted, namespace: chatgpt-production}
spec:
  priority: 10
  workloadSelector: {labels: {app: chatgpt-mcp}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {name: envoy.filters.http.router}
    patch: {operation: INSERT_BEFORE, value: VALUE}
"""
TYPE = "type.googleapis.com/envoy.extensions"

PLANTED = {
    "the state of a filter": (
        f"""{{name: envoy.filters.http.stateful_session, typed_config: {{
            "@type": {TYPE}.filters.http.stateful_session.v3.StatefulSession,
            session_state: {{name: envoy.http.stateful_session.envelope, typed_config: {{
              "@type": {TYPE}.http.stateful_session.envelope.v3.EnvelopeSessionState, header: {{name: mcp-session-id}}
            }}}}}}}}""",
        {"envoy.http.stateful_session.envelope"},
    ),
    "a message under another's name": (
        f"""{{name: envoy.filters.http.router, typed_config: {{"@type": {TYPE}.filters.http.mcp.v3.Mcp}}}}""",
        {"envoy.filters.http.mcp"},
    ),
    "a message in a struct": (
        f"""{{name: envoy.filters.http.router, typed_config: {{
            "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: {TYPE}.filters.http.mcp.v3.Mcp}}}}""",
        {"envoy.filters.http.mcp"},
    ),
    "a logger of a filter, without a name": (
        f"""{{name: envoy.filters.http.router, typed_config: {{
            "@type": {TYPE}.filters.http.router.v3.Router,
            upstream_log: [{{typed_config: {{"@type": {TYPE}.access_loggers.file.v3.FileAccessLog}}}}]}}}}""",
        {extension_names.NAMELESS},
    ),
    "the configuration of a filter for one route": (
        f"""{{typed_per_filter_config: {{envoy.filters.http.mcp: {{
            "@type": {TYPE}.filters.http.router.v3.Router}}}}}}""",
        {"envoy.filters.http.mcp"},
    ),
}


@pytest.mark.parametrize(("value", "missing"), PLANTED.values(), ids=PLANTED)
def test_what_the_proxy_lacks_is_found_in(value: str, missing: set[str]) -> None:
    """A planted object, through the whole way of a stack file: otherwise the tests above would pass on anything."""
    planted = yaml.safe_load(FILTER.replace("VALUE", value))
    built = product.of_values({**concern.settings("smallest-mcp-app"), "objects": [planted]})
    found = [found for found in named(built) if found.name not in proxyv2.extensions()]
    assert {one.name for one in found} == missing
    assert all(one.path.startswith("EnvoyFilter/chatgpt-production/planted configPatches[0].patch") for one in found)


def test_what_the_proxy_lacks_is_found_in_a_match() -> None:
    planted = yaml.safe_load(
        FILTER.replace("VALUE", "{}").replace("envoy.filters.http.router", "envoy.filters.http.mcp")
    )
    assert "envoy.filters.http.mcp" in {found.name for found in extension_names.in_object(planted)}
    assert "envoy.filters.http.mcp" not in proxyv2.extensions()


def test_what_the_proxy_lacks_is_found_behind_a_provider() -> None:
    config = {"extensionProviders": [{"name": "sky", "skywalking": {}}]}
    (found,) = extension_names.in_mesh_config(config)
    assert found.name not in proxyv2.extensions()


def test_a_merge_is_for_the_filter_that_it_matches() -> None:
    planted = yaml.safe_load(FILTER.replace("INSERT_BEFORE", "MERGE").replace("VALUE", "{typed_config: {}}"))
    names = [found.name for found in extension_names.in_object(planted)]
    assert names[-1] == "envoy.filters.http.router"
