"""The schema of the package: what is committed is what the specs say, in Pulumi's words."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import yaml

from chatgpt_mesh.package import schema
from chatgpt_mesh.package.inputs import interfaces
from chatgpt_mesh.package.names import StackNames, camel, stack_definitions
from chatgpt_mesh.package.pulumi_types import PulumiTypes, described, token
from chatgpt_mesh.stack import stack_files
from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

COMMITTED = (ROOT / "package" / "schema.json").read_text(encoding="utf-8")
SCHEMA = json.loads(COMMITTED)
TYPES = SCHEMA["types"]


def test_the_committed_schema_is_what_the_specs_say() -> None:
    assert schema.text() == COMMITTED, "run `make reference`"


def test_every_setting_of_the_specs_is_an_input() -> None:
    settings, definitions = stack_definitions()
    app, gateway, mesh = (SCHEMA["resources"][token(name)]["inputProperties"] for name in ("App", "Gateway", "Mesh"))
    assert {camel(name) for name in definitions["AppSpec"]["properties"]} <= app.keys()
    assert {camel(name) for name in definitions["GatewaySpec"]["properties"]} <= gateway.keys()
    left_out = {"project", "projectNumber", "network", "cluster"}
    assert {camel(name) for name in settings} - left_out == mesh.keys()


def test_a_literal_is_an_enum_a_union_is_one_of_and_a_description_is_the_specs() -> None:
    kind = SCHEMA["resources"][token("Gateway")]["inputProperties"]["kind"]
    assert kind["$ref"] == f"#/types/{token('GatewayKind')}"
    assert [value["value"] for value in TYPES[token("GatewayKind")]["enum"]] == ["public", "internal", "egress"]
    assert kind["description"].startswith("public: a load balancer on the internet.")
    found = PulumiTypes({"TextSpec": {"properties": {"text": {"type": "string"}}}})
    either = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/TextSpec"}, {"type": "null"}]}
    assert found.properties({"a_text": either}, "Some") == {
        "aText": {"oneOf": [{"type": "string"}, {"$ref": f"#/types/{token('TextSpec')}"}], "description": ""}
    }


def test_a_default_is_told_and_left_to_the_provider() -> None:
    """An SDK would send a default as if it had been said, and some settings are refused where they are said."""
    longest = SCHEMA["resources"][token("App")]["inputProperties"]["longestCall"]
    assert "Default: 600s." in longest["description"]
    properties = [*(of.get("properties", {}) for of in TYPES.values())]
    properties += [of["inputProperties"] for of in SCHEMA["resources"].values()]
    assert [name for of in properties for name, one in of.items() if "default" in one] == []
    assert described({"type": "integer", "minimum": 1, "maximum": 65535, "default": 443, "description": "A port"}) == (
        "A port. From 1 to 65535. Default: 443."
    )


def test_no_two_settings_of_a_spec_have_one_name() -> None:
    for name, definition in stack_definitions()[1].items():
        properties = definition.get("properties", {})
        assert len({camel(one) for one in properties}) == len(properties), name


def in_pulumis_names(value: Any, definition: Any, definitions: Any) -> Any:
    """The other way round, for the test: every setting under its name in Pulumi."""
    if isinstance(value, list):
        return [in_pulumis_names(item, definition, definitions) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    known = {name for spec in definitions.values() for name in spec.get("properties", {})}
    mapping = cast("dict[str, Any]", value)
    return {
        camel(key) if key in known else key: in_pulumis_names(item, definition, definitions)
        for key, item in mapping.items()
    }


def test_every_setting_comes_back_under_its_name() -> None:
    text = (ROOT / "tests" / "fixtures" / "every_leaf.yaml").read_text(encoding="utf-8")
    first, *others = yaml.safe_load_all(text)
    interface = interfaces()["Mesh"]
    _, definitions = stack_definitions()
    renamed = 0
    for document in others:
        whole = stack_files.merge(first, document)
        stack = {key: value for key, value in whole.items() if key in interface.inputs["properties"]}
        given = {camel(key): in_pulumis_names(value, None, definitions) for key, value in stack.items()}
        names = StackNames(interface.definitions)
        assert names.of(given, interface.inputs) == stack
        assert names.problems == []
        renamed += given != stack
    assert renamed > 5


def test_names_that_people_choose_stay_as_they_are() -> None:
    interface = interfaces()["App"]
    given = {"labels": {"longestCall": "x"}, "longestCall": "5s", "auth": {"tools": {"runQuery": {"scope": "a"}}}}
    assert StackNames(interface.definitions).of(given, interface.inputs) == {
        "labels": {"longestCall": "x"},
        "longest_call": "5s",
        "auth": {"tools": {"runQuery": {"scope": "a"}}},
    }


def test_a_setting_under_both_names_is_a_mistake() -> None:
    interface = interfaces()["App"]
    names = StackNames(interface.definitions)
    names.of({"longestCall": "5s", "longest_call": "6s"}, interface.inputs)
    assert [str(problem) for problem in names.problems] == [
        "longest_call: is given twice, as longest_call and as longestCall; remove one"
    ]
