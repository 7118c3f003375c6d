"""The JSON Schema of stack files, as an editor uses it: it takes what a stack may say, and names a typo where it is."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from chatgpt_mesh.stack import schema

pytestmark = pytest.mark.unit

VALIDATOR = jsonschema.Draft202012Validator(schema.json_schema())


def mistakes(config: str) -> list[str]:
    document: dict[str, Any] = {"config": yaml.safe_load(config)}
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


@pytest.mark.parametrize(
    "config",
    [
        "chatgpt-mesh:cluster: {pools: {mesh: {nodes: {max: 3}}}}",
        "chatgpt-mesh:cluster: {kind: gke, access: null}",
        "chatgpt-mesh:cluster: {kind: existing, context: {secure: v1:abc}}",
        "chatgpt-mesh:cluster: null",
        "chatgpt-mesh:apps: {weather: null}",
        "chatgpt-mesh:apps: {weather: {versions: {v2: null}, rollout: null, service: {name: null}}}",
        "chatgpt-mesh:apps: {weather: {auth: {issuers: [{jwks: {secure: v1:abc}}]}}}",
        "chatgpt-mesh:apps: {weather: {auth: {deny_subjects: [{secure: v1:abc}]}}}",
        "chatgpt-mesh:apps: {weather: {auth: {issuers: [{jwks_file: keys.json}, {jwks_file: null}]}}}",
        "chatgpt-mesh:apps: {secure: v1:abc}",
        "chatgpt-mesh:project: {secure: v1:abc}",
        "chatgpt-mesh:egress: {allow: [{host: api.example.com, from: [weather, {namespace: jobs}]}]}",
        "chatgpt-mesh:istio: {control_plane: {environment: {A_B: {secure: v1:abc}, C: null}}}",
        "gcp:project: acme",
    ],
)
def test_takes_what_a_stack_may_say(config: str) -> None:
    assert mistakes(config) == []


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("chatgpt-mesh:cluster: {kind: gke, nam: x}", "'nam' was unexpected"),
        ("chatgpt-mesh:cluster: {kind: existing, contxt: x}", "'contxt' was unexpected"),
        ("chatgpt-mesh:cluster: {poools: {}}", "'poools' is not one of"),
        ("chatgpt-mesh:cluster: {kind: aks}", "'aks' is not one of"),
        ("chatgpt-mesh:cluster: {kind: gke, access: {dsn: {}}}", "'dsn' was unexpected"),
        ("chatgpt-mesh:cluster: {kind: gke, pools: {mesh: {disk: {sizegb: 3}}}}", "'sizegb' was unexpected"),
        ("chatgpt-mesh:apps: {weather: {versions: {v2: {lables: {}}}}}", "'lables' was unexpected"),
        ("chatgpt-mesh:apps: {weather: {versions: {V_2: {}}}}", "'V_2' does not match"),
        ("chatgpt-mesh:apps: {weather: {rollout: {canary: {percnt: 5}}}}", "'percnt' was unexpected"),
        ("chatgpt-mesh:apps: {weather: {service: {port: {secure: v1:abc}}}}", "is not of type 'integer'"),
        ("chatgpt-mesh:apps: {weather: {host: {secre: v1:abc}}}", "is not of type 'string'"),
        ("chatgpt-mesh:gatways: {}", "'chatgpt-mesh:gatways' does not match"),
    ],
)
def test_names_a_typo(config: str, told: str) -> None:
    found = mistakes(config)
    assert any(told in mistake for mistake in found), found
