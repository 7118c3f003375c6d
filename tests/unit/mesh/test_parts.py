"""What grows with the number of apps stands in as many objects as the API server and Istio's webhook can take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.objects import parts
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from tests.benchmarks.build_mesh import TODAY, declaration
from tests.unit.mesh.stack import mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "{rate_limit: {requests: 60, tools: {execute_sql: 4}}}"


@pytest.fixture
def one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer and every limit is too long to stand beside another."""
    monkeypatch.setattr(parts, "LARGEST", 1)


def _others(counted: str = "gateway", *, count: int = 3, domain: str = "example.com") -> str:
    apps = {
        f"other-{number}": {
            "namespace": "other",
            "host": f"other-{number}.{domain}",
            "gateway": "public",
            "service": {"port": 8080},
            "mcp": {},
            "auth": {
                "issuers": [{"issuer": "https://auth.example.com", "jwks_uri": "https://k.example"}],
                "tools": {"pay": {"scope": "pay"}},
            },
            "rate_limit": {"requests": 10 + number, "counted": counted},
        }
        for number in range(count)
    }
    return yaml.safe_dump(apps)


def _filters(built: Mesh, name: str) -> list[dict[str, Any]]:
    """The EnvoyFilters of the public gateway whose names begin so, in the order in which Istio applies them."""
    found = [one.resource.to_dict() for one in built.objects if one.resource.key.startswith("EnvoyFilter/")]
    named = [one for one in found if one["metadata"]["name"].startswith(f"public-{name}")]
    return sorted(named, key=lambda one: one["spec"]["priority"])


def _known_by(built: Mesh) -> list[list[str]]:
    """The hosts whose calls are read, by each of the public gateway's scripts."""
    extensions = [one.resource.to_dict() for one in built.objects if one.resource.kind == "TrafficExtension"]
    readers = [one for one in extensions if one["metadata"]["name"].startswith("public-calls")]
    tables = [one["spec"]["lua"]["inlineCode"].partition("}\n--")[0] for one in readers]
    return [[line.split('"')[1] for line in table.splitlines()[1:]] for table in tables]


def _merged(filters: list[dict[str, Any]], *path: str) -> list[Any]:
    """A list of the fields that are merged into one message, as Envoy has it in the end."""
    found: list[Any] = []
    for patch in (patch for one in filters for patch in one["spec"]["configPatches"]):
        value: Any = patch["patch"]["value"].get("typed_config", {})
        for name in path:
            value = value.get(name, {})
        found += value or []
    return found


def _without_part(one: dict[str, Any]) -> dict[str, Any]:
    """An action or descriptor without what names its object."""
    (name, listed), *others = one.items()
    return {
        name: [entry for entry in listed if entry.get("key") != "part" and "generic_key" not in entry],
        **dict(others),
    }


def _keys(manifest: dict[str, Any], message: str) -> Iterator[str]:
    """Keys of what a filter's actions make."""
    for patch in manifest.get("spec", {}).get("configPatches", ()):
        config = patch["patch"]["value"].get("typed_config", {})
        if config.get("@type", "").endswith(f".{message}"):
            for limit in config["rate_limits"]:
                yield from (value["descriptor_key"] for action in limit["actions"] for value in action.values())


@given(st.lists(st.text(max_size=50)), st.integers(1, 200))
def test_parts_have_everything_in_its_order_and_none_is_longer_than_allowed(elements: list[str], largest: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "LARGEST", largest)
        found = list(parts.parts(elements, written=str))
    assert [element for part in found for element in part] == elements
    assert all(len(part) == 1 or sum(len(json.dumps(one)) for one in part) <= largest for part in found)
    assert all(found), "a part has something in it"


class TestAnswers:
    def test_stand_in_one_object_where_they_are_few(self) -> None:
        assert [one["metadata"]["name"] for one in _filters(mesh(APP, _others()), "http")] == ["public-http"]

    @pytest.mark.usefixtures("one_each")
    def test_are_the_same_in_the_same_order_in_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        divided = _filters(mesh(APP, _others()), "http")
        monkeypatch.setattr(parts, "LARGEST", 1024**2)
        whole = _filters(mesh(APP, _others()), "http")
        path = ("local_reply_config", "mappers")
        assert len(divided) == len(_merged(divided, *path)) > 5
        assert _merged(divided, *path) == _merged(whole, *path)

    @pytest.mark.usefixtures("one_each")
    def test_are_merged_in_their_order(self) -> None:
        """Filters of one priority are applied by age."""
        divided = _filters(mesh(APP, _others()), "http")
        priorities = [one["spec"]["priority"] for one in divided]
        assert priorities == list(range(10, 10 + len(divided)))
        names = [one["metadata"]["name"] for one in divided]
        assert names[:3] == ["public-http", "public-http-2", "public-http-3"]


class TestLimits:
    @pytest.mark.usefixtures("one_each")
    @pytest.mark.parametrize("fields", ["rate_limits", "descriptors"])
    def test_are_the_same_in_many_objects(self, monkeypatch: pytest.MonkeyPatch, fields: str) -> None:
        divided = _filters(mesh(APP, _others()), "rate-limits")
        monkeypatch.setattr(parts, "LARGEST", 1024**2)
        whole = _filters(mesh(APP, _others()), "rate-limits")
        assert (len(divided), len(whole)) == (4, 1)
        assert [_without_part(one) for one in _merged(divided, fields)] == _merged(whole, fields)

    def test_may_be_in_two_objects_while_they_move(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Envoy refuses a filter with two descriptors that are the same."""
        whole = _filters(mesh(APP, _others()), "rate-limits")
        monkeypatch.setattr(parts, "LARGEST", 1)
        _, *later = _filters(mesh(APP, _others()), "rate-limits")
        entries = [json.dumps(one["entries"]) for one in _merged([*whole, *later], "descriptors")]
        assert len(entries) == len(set(entries)) > 4

    @pytest.mark.usefixtures("one_each")
    def test_that_the_service_counts_have_one_name_wherever_they_are(self) -> None:
        built = mesh(APP, _others("global"), rate_limit_service={"namespace": "limits"})
        keys = [key for one in built.objects for key in _keys(one.resource.to_dict(), "RateLimit")]
        assert set(keys) == {"app", "iss", "sub"}

    @pytest.mark.usefixtures("one_each")
    def test_of_later_objects_are_merged_into_the_filter_of_the_first(self) -> None:
        first, *later = _filters(mesh(APP, _others()), "rate-limits")
        assert first["spec"]["configPatches"][0]["patch"]["operation"] == "INSERT_BEFORE"
        for one in later:
            [patch] = one["spec"]["configPatches"]
            chain = patch["match"]["listener"]["filterChain"]
            assert chain["filter"]["subFilter"]["name"] == "envoy.filters.http.local_ratelimit"
            assert patch["patch"]["operation"] == "MERGE"
            assert set(patch["patch"]["value"]["typed_config"]) == {"@type", "rate_limits", "descriptors"}

    @pytest.mark.usefixtures("one_each")
    def test_of_both_kinds_stand_side_by_side_and_each_object_knows_the_service(self) -> None:
        built = mesh(APP, _others("global"), rate_limit_service={"namespace": "limits"})
        filters = _filters(built, "rate-limits")
        assert [len(one["spec"]["configPatches"]) for one in filters] == [2, 1, 1]
        for one in filters:
            assert one["metadata"]["annotations"] == {
                "envoyfilter.istio.io/referenced-services": "ratelimit.limits.svc.cluster.local"
            }


class TestCalls:
    def test_are_read_by_one_script_where_their_apps_are_few(self) -> None:
        assert [len(hosts) for hosts in _known_by(mesh(APP, _others()))] == [3]

    @pytest.mark.usefixtures("one_each")
    def test_are_read_by_one_script_for_each_host_where_no_two_have_room(self) -> None:
        assert _known_by(mesh(APP, _others())) == [[f"other-{number}.example.com"] for number in range(3)]

    def test_no_script_is_longer_than_istio_takes(self) -> None:
        """The mesh is built: a script that is too long is refused."""
        long_names = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.example.com"
        first, second = _known_by(mesh(APP, _others(count=200, domain=long_names)))
        assert len(first) + len(second) == 200
        assert len(first) > len(second)


def test_an_object_that_the_api_server_would_refuse_is_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "STORED", 3_000)
    with pytest.raises(InvalidConfig) as refused:
        mesh(APP, _others())
    assert "gateways.public: stands for EnvoyFilter/istio-ingress/public-http of 0.0 MiB" in str(refused.value)


def test_the_apps_of_a_large_stack_have_no_object_that_istios_webhook_takes_seconds_for() -> None:
    """A gateway's answers and limits are the longest by far, and those of 1,000 apps were too long."""
    built = Mesh(MeshSpec.model_validate(declaration(300)), TODAY)
    sizes = {one.resource.key: len(json.dumps(one.resource.to_dict())) for one in built.objects}
    assert "EnvoyFilter/istio-ingress/public-http-2" in sizes
    assert max(sizes.values()) < 1.1 * parts.LARGEST
