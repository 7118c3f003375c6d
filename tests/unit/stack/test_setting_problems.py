"""pydantic's errors as sentences: where, what stands there, what to write."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from chatgpt_mesh.mesh.specs.spec import Spec
from chatgpt_mesh.stack import setting_problems

pytestmark = pytest.mark.unit


class Replicas(Spec):
    min: Annotated[int, Field(ge=1, le=9)] = 1
    max: int = 5


class Existing(Spec):
    kind: Literal["existing"]
    context: str


class Made(Spec):
    kind: Literal["gke"]
    channel: Literal["regular", "stable"] = "regular"
    replicas: Replicas = Replicas()


class Caller(Spec):
    paths: tuple[str, ...]
    until: date | None = None


class Whole(Spec):
    cluster: Annotated[Existing | Made, Field(discriminator="kind")]
    apps: dict[str, Caller] = {}
    on: bool = True
    share: float = 1
    either: Existing | str | None = None


def sentences(value: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Whole).validate_json(json.dumps(value))
    return [str(problem) for problem in setting_problems.problems(caught.value, Whole, "mesh")]


MADE = {"kind": "gke"}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            {"cluster": {**MADE, "replicas": {"mix": 1}}},
            "mesh.cluster.replicas.mix: is not a setting; did you mean `min`?",
        ),
        (
            {"cluster": {**MADE, "replicas": {"zzz": 1}}},
            "mesh.cluster.replicas.zzz: is not a setting; allowed here: max, min",
        ),
        ({"cluster": {**MADE, "replicas": {"min": 0}}}, "mesh.cluster.replicas.min: must be 1 or more (given: 0)"),
        ({"cluster": {**MADE, "replicas": {"min": 10}}}, "mesh.cluster.replicas.min: must be 9 or less (given: 10)"),
        (
            {"cluster": {**MADE, "replicas": {"min": "1"}}},
            "mesh.cluster.replicas.min: must be a whole number, without quotes (given: '1')",
        ),
        (
            {"cluster": {**MADE, "channel": "rapid"}},
            "mesh.cluster.channel: must be 'regular' or 'stable' (given: 'rapid')",
        ),
        ({"cluster": {"kind": "eks"}}, "mesh.cluster: 'kind' must be one of 'existing', 'gke'"),
        ({"cluster": {}}, "mesh.cluster: needs the key 'kind'"),
        ({"cluster": "gke"}, "mesh.cluster: must be a mapping (given: 'gke')"),
        ({"cluster": {"kind": "existing"}}, "mesh.cluster.context: is required"),
        ({}, "mesh.cluster: is required"),
        ({"cluster": MADE, "on": "yes"}, "mesh.on: must be true or false (given: 'yes')"),
        ({"cluster": MADE, "share": "5"}, "mesh.share: must be a number, without quotes (given: '5')"),
        (
            {"cluster": MADE, "apps": {"chatgpt-mcp": {"paths": "/mcp"}}},
            "mesh.apps.chatgpt-mcp.paths: must be a list (given: '/mcp')",
        ),
        (
            {"cluster": MADE, "apps": {"chatgpt-mcp": {"paths": ["/mcp", 1]}}},
            "mesh.apps.chatgpt-mcp.paths[1]: must be text; put it in quotes (given: 1)",
        ),
    ],
)
def test_sentence(value: Any, sentence: str) -> None:
    assert sentences(value) == [sentence]


def test_a_date_says_how_it_is_written() -> None:
    (sentence,) = sentences({"cluster": MADE, "apps": {"a": {"paths": [], "until": "31.1.2027"}}})
    assert sentence.startswith('mesh.apps.a.until: must be a date in quotes, such as "2027-01-31"')


def test_all_mistakes_come_at_once() -> None:
    value = {"cluster": {"kind": "existing"}, "on": 1, "apps": {"a": {}}}
    assert len(sentences(value)) == 3
