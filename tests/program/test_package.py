"""Components of the package as Pulumi's engine asks for them, under mocks: objects, sentences and secrets are the
program's.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest
from pulumi.errors import InputPropertiesError
from pulumi.output import Unknown

from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.package.provider import Package
from chatgpt_mesh.package.pulumi_types import token
from chatgpt_mesh.stack import settings
from tests.program.recorded_program import Recorded, Registered, record, run
from tests.program.test_secrets import CANARY, SECRET_SIGNATURE, in_clear
from tests.surroundings import KEY_SET, ROOT, own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.program

SCHEMA = (ROOT / "package" / "schema.json").read_text(encoding="utf-8")
CHART = "kubernetes:helm.sh/v4:Chart"
ISSUER = {"issuer": "https://auth.example.com", "jwks": KEY_SET}
WEATHER: dict[str, Any] = {
    "namespace": "weather",
    "host": "weather.example.com",
    "gateway": "public",
    "service": {"port": 8080},
    "mcp": {"path": "/mcp"},
    "versions": {"v1": {}, "v2": {}},
    "rollout": {"stable": "v1", "canary": {"version": "v2", "percent": 5}},
    "auth": {"issuers": [ISSUER]},
}
# Pulumi has no whole numbers, so what a program counts comes as 5.0.
CAMEL = {**WEATHER, "service": {"port": 8080.0}, "longestCall": "300s", "maxRequestBody": "1Mi"}
SNAKE = {**WEATHER, "longest_call": "300s", "max_request_body": "1Mi"}
LISTENERS = {"web": {"hosts": ["*.example.com"], "tls": {"secret": "example-com-tls"}}}
GATEWAY = "istio-ingress/public"
PUBLIC = {"kind": "public", "listeners": LISTENERS}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


@dataclass(frozen=True)
class Constructed:
    recorded: Recorded
    state: Mapping[str, Any]
    sealed: frozenset[str]
    """Outputs that Pulumi keeps encrypted."""

    @property
    def objects(self) -> dict[str, Registered]:
        """What is in the component beside other components, by name."""
        return {one.name: one for one in self.recorded.resources if one.type.startswith("kubernetes:")}


def construct(
    kind: str, inputs: Mapping[str, Any], name: str = "weather", *, into: Recorded | None = None
) -> Constructed:
    state: dict[str, Any] = {}
    sealed: set[str] = set()

    async def program() -> None:
        result = Package(SCHEMA).construct(name, token(kind), inputs)
        assert await cast("pulumi.Output[str]", result.urn).future()
        for key, value in result.state.items():
            output = pulumi.Output.from_input(value)
            state[key] = await output.future()
            if await output.is_secret():
                sealed.add(key)

    return Constructed(record(program, "dev", into=into), state, frozenset(sealed))


def mistakes(kind: str, inputs: Mapping[str, Any]) -> list[str]:
    recorded = Recorded()
    with pytest.raises(InputPropertiesError) as raised:
        construct(kind, inputs, into=recorded)
    assert recorded.resources == [], "registered before all of it was right"
    heading, *sentences = raised.value.message.splitlines()
    assert "in the configuration:" in heading
    # Details would have the engine print values, and none at all makes Pulumi's server fail.
    assert raised.value.errors == []
    return sorted(sentence.strip() for sentence in sentences)


def program_of(app: Mapping[str, Any], **gateway: Any) -> Recorded:
    """The program of this repository, for a stack with this app."""
    stack = {
        "cluster": {"kind": "existing", "context": own_layer("lab")["cluster"]["context"]},
        "istio": {"version": RELEASE},
        "gateways": {"public": {**PUBLIC, **gateway}},
        "apps": {"weather": app},
    }
    return run("dev", stack)


def test_an_app_is_made_of_the_same_objects_as_in_the_program() -> None:
    made = construct("App", CAMEL)
    program = program_of(SNAKE, keepalive=None)
    own = {r.name: r for r in program.resources if "mesh:App::weather" in r.parent and "Sidecar" not in r.type}
    assert len(own) > 5
    for name, expected in own.items():
        assert made.objects[name].inputs == expected.inputs, name
        assert made.objects[name].type == expected.type
    brought = made.objects.keys() - own.keys()
    assert brought == {
        "EnvoyFilter/istio-ingress/weather-public-http",
        "RequestAuthentication/istio-ingress/weather-public-tokens",
        "TrafficExtension/istio-ingress/weather-public-sessions",
    }
    for name in brought:
        expected = program.named(name.replace("weather-", ""))
        inputs = copy.deepcopy(dict(made.objects[name].inputs))
        inputs["metadata"]["name"] = expected.inputs["metadata"]["name"]
        assert inputs == expected.inputs, name


def test_an_app_says_where_it_is_reached_and_what_it_is_made_of() -> None:
    made = construct("App", CAMEL)
    assert made.state["mcpUrl"] == "https://weather.example.com/mcp"
    assert made.state["principal"] == "cluster.local/ns/weather/sa/weather"
    assert sorted(made.state["objects"]) == sorted(made.objects)
    component = made.recorded.named("weather")
    assert component.type == token("App")
    assert {one.parent for one in made.objects.values()} == {component.urn}


def test_the_routes_of_an_app_wait_for_what_guards_them() -> None:
    made = construct("App", CAMEL)
    before = made.recorded.depends_on(made.objects["VirtualService/weather/weather"])
    guards = ("weather-public-tokens", "weather-public-http", "weather-edge", "weather-v2")
    for guard in guards:
        (found,) = [one for name, one in made.objects.items() if name.endswith(f"/{guard}")]
        assert found.urn in before


def test_two_apps_share_a_gateway_without_an_object_in_common() -> None:
    names = construct("App", CAMEL).objects.keys()
    other = construct("App", {**CAMEL, "namespace": "trains", "host": "trains.example.com"}, "trains").objects.keys()
    assert len(other) == len(names)
    assert not names & other


def test_the_order_in_which_a_mapping_arrives_changes_nothing() -> None:
    """Between a program and a component there is none, so a second preview would show changes."""
    turned = {**CAMEL, "versions": dict(reversed(CAMEL["versions"].items()))}
    assert [*turned["versions"]] != [*CAMEL["versions"]]
    first, second = construct("App", CAMEL).objects, construct("App", turned).objects
    assert {name: one.inputs for name, one in first.items()} == {name: one.inputs for name, one in second.items()}


def test_an_app_writes_nothing_that_holds_for_others() -> None:
    kinds = {name.partition("/")[0] for name in construct("App", CAMEL).objects}
    assert not kinds & {"PeerAuthentication", "Sidecar", "Telemetry", "Gateway", "Namespace"}


def test_an_app_is_named_by_its_input_or_by_its_resource() -> None:
    assert "VirtualService/weather/trains" in construct("App", {**CAMEL, "name": "trains"}).objects
    assert mistakes("App", {**CAMEL, "name": "Trains!"})[0].startswith("apps.Trains!: must be a DNS label")


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"longestCall": "6x"}, "apps.weather.longest_call: must be a duration"),
        ({"hosst": "a"}, "apps.weather.hosst: is not a setting; did you mean `host`?"),
        (
            {"rollout": {"stable": "v1", "canary": {"version": "v3", "percent": 5}}},
            "apps.weather.rollout.canary.version",
        ),
        ({"service": {"port": "8080"}}, "apps.weather.service.port: must be a whole number, without quotes"),
        ({"cors": {"origins": ["chatgpt.com"]}}, "apps.weather.cors.origins[0]: must be an origin"),
        ({"auth": None}, "apps.weather.auth: "),
    ],
)
def test_a_mistake_is_the_sentence_of_the_program(inputs: dict[str, Any], sentence: str) -> None:
    (found,) = mistakes("App", {**CAMEL, **inputs})
    assert found.startswith(sentence)
    snake = {"longestCall": "longest_call"}
    app = {**SNAKE, **{snake.get(key, key): value for key, value in inputs.items() if value is not None}}
    if inputs.get("auth", ...) is None:
        del app["auth"]
    stack = {"istio": {"version": RELEASE}, "cluster": {"kind": "existing"}, "gateways": {"public": PUBLIC}}
    with pytest.raises(InvalidConfig) as raised:
        settings.read({**stack, "apps": {"weather": app}}, settings.dates.today())
    assert found == str(raised.value.problems[0])


def test_all_mistakes_are_told_at_once() -> None:
    inputs = {**CAMEL, "longestCall": "6x", "hosst": "a", "gateways": {"public": {"keepalive": {}}}}
    assert mistakes("App", inputs) == [
        "apps.weather.hosst: is not a setting; did you mean `host`?",
        'apps.weather.longest_call: must be a duration such as "600s", "250ms", "10m" or "24h" (given: \'6x\')',
        "gateways.public.keepalive: is set by whoever runs the gateway; remove it",
    ]


def test_a_secret_is_sealed_in_the_objects_and_hidden_in_the_sentences() -> None:
    header = {"exact": "/health", "auth": "none", "headers": {"request": {"set": {"x-key": CANARY}}}}
    clear = construct("App", {**CAMEL, "routes": [header]})
    assert any(in_clear(one.inputs) for one in clear.objects.values())
    header["headers"] = {"request": {"set": {"x-key": pulumi.Output.secret(CANARY)}}}
    made = construct("App", {**CAMEL, "routes": [header]})
    assert not any(in_clear(one.inputs) for one in made.objects.values())
    sealed = [one for one in made.objects.values() if CANARY in json.dumps(one.inputs)]
    assert sealed
    assert all(SECRET_SIGNATURE in json.dumps(one.inputs) for one in sealed)
    (found,) = mistakes("App", {**CAMEL, "longestCall": pulumi.Output.secret(CANARY)})
    assert CANARY not in found
    host = construct("App", {**CAMEL, "host": pulumi.Output.secret("weather.example.com")})
    assert host.sealed == {"hosts", "mcpUrl"}
    assert clear.sealed == frozenset()


def test_what_another_resource_decides_is_named_and_planned_later(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    unknown = pulumi.Output.from_input(cast("Any", Unknown()))
    made = construct("App", {**CAMEL, "service": {"port": unknown}})
    assert "service.port will be known only when another resource is made" in said[0]
    assert [one.type for one in made.recorded.resources] == [token("App")]


def test_a_component_goes_after_the_resources_whose_outputs_it_is_given() -> None:
    urns: list[str] = []

    async def program() -> None:
        home = pulumi.Stash("home", input="weather")
        result = Package(SCHEMA).construct("weather", token("App"), {**CAMEL, "namespace": home.output})
        await cast("pulumi.Output[str]", result.urn).future()
        urns.append(str(await home.urn.future()))

    recorded = record(program, "dev")
    assert urns[0] in recorded.named("weather").dependencies


def test_a_gateway_is_its_namespace_its_chart_and_its_listeners() -> None:
    shared = {"web": {**LISTENERS["web"], "sharedWith": ["weather"]}}
    made = construct("Gateway", {"kind": "public", "listeners": shared, "longestCall": "300s"}, "public")
    program = program_of(SNAKE)
    (chart,) = made.recorded.of_type(CHART)
    assert chart.inputs == program.named("istio-ingress/istio-ingressgateway").inputs
    listener = made.objects["Gateway/istio-ingress/public"].inputs
    assert listener["spec"]["servers"][0]["hosts"] == ["weather/*.example.com"]
    assert {made.objects["istio-ingress"].urn, chart.urn} <= made.recorded.depends_on(
        made.objects[f"Gateway/{GATEWAY}"]
    )
    assert made.state["gateway"] == GATEWAY
    assert made.state["principal"] == "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"


def test_a_gateway_that_is_there_gets_listeners_and_nothing_else() -> None:
    inputs = {**PUBLIC, "namespace": "edge", "release": "edge-gateway", "existing": {"address": "203.0.113.9"}}
    made = construct("Gateway", inputs, "public")
    assert set(made.objects) == {"Gateway/edge/public", "EnvoyFilter/edge/public-http"}
    assert made.state["address"] == "203.0.113.9"


def test_mistakes_of_a_gateway_are_sentences_too() -> None:
    assert mistakes("Gateway", {**PUBLIC, "kind": "edge", "longestCall": "x", "createNamespace": "no"}) == [
        "gateways.weather.create_namespace: must be true or false (given: 'no')",
        "gateways.weather.kind: must be 'public', 'internal' or 'egress' (given: 'edge')",
        'gateways.weather.longest_call: must be a duration such as "600s", "250ms", "10m" or "24h" (given: \'x\')',
    ]


def test_a_mesh_is_everything_that_the_program_makes_on_a_cluster() -> None:
    inputs = {"istio": {"version": RELEASE}, "gateways": {"public": PUBLIC}, "apps": {"weather": CAMEL}}
    made = construct("Mesh", inputs, "mesh")
    program = program_of(SNAKE)
    expected = {
        (one.type, one.name): one.inputs for one in program.resources if not one.type.startswith("pulumi:providers")
    }
    registered = {(one.type, one.name): one.inputs for one in made.recorded.resources if one.name != "mesh"}
    assert registered == expected
    assert made.state["apps"]["weather"]["hosts"] == ["weather.example.com"]
    assert made.state["injectionLabels"] == program.exports["injection_labels"]


def test_a_mesh_makes_no_cluster() -> None:
    (found,) = mistakes("Mesh", {"istio": {"version": RELEASE}, "cluster": {"kind": "gke"}})
    assert found.startswith("cluster: is for a stack that makes its cluster")


def test_another_component_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputPropertiesError, match="chatgpt-mesh:index:Cluster is not in this package"):
        construct("Cluster", {})
