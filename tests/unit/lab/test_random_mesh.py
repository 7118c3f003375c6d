"""A number gives the same stack and the same questions, and the lab can run it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatgpt_mesh.components.decisions import DECISIONS
from chatgpt_mesh.stack import settings, stack_files
from chatgpt_mesh.stack.settings import Settings
from lab.workloads.tokens import Keys, ensure_keys
from tests.lab.random_mesh.asking import Compared
from tests.lab.random_mesh.declaration import declaration, drawn
from tests.lab.random_mesh.deployed import accepted
from tests.lab.random_mesh.one_node import FOREIGN_NAMESPACES, KEY_SET, WORDS, fitted
from tests.lab.random_mesh.questions import Edges, questions
from tests.lab.random_mesh.result import Row, table
from tests.lab.random_mesh.workloads import workloads
from tests.surroundings import ROOT, own_layer, surroundings
from tests.unit.random_stacks import leaves
from tests.unit.random_stacks.access import ISSUERS

TODAY = date(2026, 11, 24)


def edges(stack: Settings) -> Edges:
    served = [name for name, one in stack.gateways.items() if one.kind != "egress"]
    return Edges({name: f"10.0.0.{number}" for number, name in enumerate(served)}, ("client.crt", "client.key"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return ensure_keys(tmp_path_factory.mktemp("issuer"))


def stack_of(seed: int, directory: Path) -> Settings:
    with surroundings(directory / "machine"):
        lab = settings.load_stack(ROOT / "Pulumi.lab.yaml", TODAY)
        declared = declaration(seed, lab, own_layer("lab"))
        named = {f"{stack_files.PACKAGE}:{name}": value for name, value in declared.items()}
        stack_file = directory / "Pulumi.random.yaml"
        stack_file.write_text(yaml.safe_dump({"config": named}), encoding="utf-8")
        return settings.load_stack(stack_file, TODAY)


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_lab_can_run_the_stack_of_a_number(seed: int, tmp_path: Path) -> None:
    stack = stack_of(seed, tmp_path)
    assert not {app.namespace for app in stack.apps.values()} & set(FOREIGN_NAMESPACES)
    assert stack.cluster.kind == "existing"
    made = list(workloads(stack, "image"))
    assert {one["metadata"]["name"] for one in made if one["kind"] == "Service"} == {
        app.service_name for app in stack.apps.values() if app.service
    }


def test_what_a_person_has_to_accept_is_accepted_by_name(tmp_path: Path) -> None:
    told = list[Any]()
    for number in range(8):
        (tmp_path / str(number)).mkdir()
        told += accepted(stack_of(number, tmp_path / str(number)))
    assert told
    assert {one["code"] for one in told} <= set(DECISIONS)
    assert all(one["object"].count("/") == 2 for one in told)


LEFT_OUT = {
    "apps.*.resilience.pool.http2",
    "apps.*.versions.*.pool.http2",
    "apps.*.auth.issuers[].jwks_uri",
    "gateways.*.existing",
    "gateways.*.listeners.*.tls.cert_manager",
    "gateways.*.workload.min_available",
    "gateways.*.workload.node_selector",
    "gateways.*.workload.resources",
    "gateways.*.workload.service",
    "namespaces.*.existing",
    "namespaces.*.quota",
    "rate_limit_service.deployment",
}
"""Fields, with all below them, of which `docs/lab-random.md` says that the lab has its own or none."""


def fields_of(values: dict[str, Any]) -> set[str]:
    """The fields that settings write, of those that a random stack keeps."""
    words = {name: value for name, value in values.items() if name in WORDS}
    words |= {"cluster": {"kind": "existing"}, "istio": {"version": "1.31.4"}}
    keys = f'"jwks": {json.dumps(ISSUERS[0]["jwks"])}'
    read = Settings.model_validate_json(json.dumps(words).replace(f'"jwks_file": "{KEY_SET}"', keys))
    return {leaf.partition(" = ")[0] for leaf in leaves.reached(Settings, read)}


def test_all_that_is_drawn_runs_but_what_the_page_names() -> None:
    seeds = range(1, 4)
    before = set[str]().union(*(fields_of(drawn(seed)) for seed in seeds))
    after = set[str]().union(*(fields_of(fitted(drawn(seed), seed)) for seed in seeds))
    assert len(after) > 200
    assert {field for field in before - after if not field.startswith(tuple(LEFT_OUT))} == set()


def test_a_number_gives_the_same_stack_in_every_process() -> None:
    code = f"import json; from {drawn.__module__} import drawn; print(json.dumps(drawn(3)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert yaml.safe_load(found.stdout) == drawn(3)
    assert drawn(3) != drawn(4)


def test_questions_are_many_and_the_same_each_time(keys: Keys, tmp_path: Path) -> None:
    stack = stack_of(1, tmp_path)
    reached = edges(stack)
    asked = [str(question) for question in questions(stack, reached, keys, 1)]
    assert len(asked) >= 200
    assert asked == [str(question) for question in questions(stack, reached, keys, 1)]
    assert asked != [str(question) for question in questions(stack, reached, keys, 2)]


def test_a_result_keeps_what_was_said_of_other_seeds() -> None:
    first = table("", [Row(1, "one app", Compared(240, 100, 0, []), [], 60.0)])
    wrong = Row(2, "two apps", Compared(240, 90, 1, ["said so; met otherwise"]), ["no"], 61.0)
    both = table(first, [wrong])
    assert both.startswith("2 stacks, 480 requests, 1 disagreements, 1 refused updates.\n")
    mended = Row(2, "two apps", Compared(240, 90, 0, []), [], 59.0)
    assert table(both, [mended]).startswith("2 stacks, 480 requests, 0 disagreements, 0 refused updates.\n")
