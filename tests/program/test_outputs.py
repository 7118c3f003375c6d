"""What a stack exports is what docs/outputs.schema.json promises to other teams."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pulumi
import pytest

from chatgpt_mesh.components import outputs
from tests.program.recorded_program import Recorded, run
from tests.surroundings import ROOT, STACKS, surroundings

pytestmark = pytest.mark.program


@pytest.fixture(scope="module", params=STACKS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with surroundings(tmp_path_factory.mktemp(request.param) / "machine"):
        recorded: Recorded = run(request.param)
    assert recorded.error is None
    return dict(recorded.exports)


def known(value: Any) -> Any:
    """The value without what is known only after `up`."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if not isinstance(item, pulumi.Output)}
    return [known(item) for item in value] if isinstance(value, (list, tuple)) else value


def without_required(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_required(value) for key, value in schema.items() if key != "required"}
    return [without_required(item) for item in schema] if isinstance(schema, list) else schema


def test_the_published_schema_is_the_generated_one() -> None:
    published = json.loads((ROOT / "docs" / "outputs.schema.json").read_text(encoding="utf-8"))
    assert published == outputs.json_schema(), "python -m components.outputs schema > docs/outputs.schema.json"


def test_every_promised_key_is_there_and_no_other(exported: dict[str, Any]) -> None:
    schema = outputs.json_schema()
    assert set(schema["required"]) <= exported.keys()
    assert exported.keys() <= schema["properties"].keys()


def test_every_value_is_of_the_promised_form(exported: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(without_required(outputs.json_schema())).validate(known(exported))


def test_identities_and_names_are_those_of_the_declaration(exported: dict[str, Any]) -> None:
    public = exported["gateways"]["public"]
    assert public["gateway"] == "istio-ingress/public"
    assert public["principal"] == "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"
    assert public["selector"] == {"istio": "ingressgateway"}
    mcp = exported["apps"]["chatgpt-mcp"]
    assert mcp["hosts"] == ["chatgpt-mcp.example.com", "internal.example.com"]
    assert mcp["principal"] == "cluster.local/ns/chatgpt-production/sa/chatgpt-mcp"
