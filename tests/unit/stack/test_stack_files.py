"""The layers of a stack's settings: what a parent may say, and which layer wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.stack import stack_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).write_text(text, encoding="utf-8")


def layered(project: Path, own: dict[str, Any]) -> stack_files.Layers:
    return stack_files.layered(own, project)


def sentences(layers: stack_files.Layers) -> list[str]:
    return [str(problem) for problem in (*layers.unreadable, *layers.problems)]


class TestMerge:
    def test_mappings_merge_and_everything_else_replaces(self) -> None:
        parent = {"istio": {"version": "1.31.4", "cni": True, "tags": ["a", "b"]}}
        child = {"istio": {"cni": False, "tags": ["c"]}}
        assert stack_files.merge(parent, child) == {"istio": {"version": "1.31.4", "cni": False, "tags": ["c"]}}

    def test_null_lies_over_what_was_inherited(self) -> None:
        merged = stack_files.merge({"a": {"b": {"x": 1}, "c": 2}, "d": 3}, {"a": {"b": None}, "d": None})
        assert merged == {"a": {"b": None, "c": 2}, "d": None}

    def test_a_mapping_over_a_null_begins_anew(self) -> None:
        assert stack_files.merge({"a": None}, {"a": {"b": 1}}) == {"a": {"b": 1}}

    def test_another_kind_takes_nothing_over(self) -> None:
        parent = {"cluster": {"kind": "gke", "pools": {"apps": {}}}}
        assert stack_files.merge(parent, {"cluster": {"kind": "existing"}}) == {"cluster": {"kind": "existing"}}

    def test_the_same_kind_merges(self) -> None:
        parent = {"cluster": {"kind": "gke", "channel": "regular"}}
        child = {"cluster": {"kind": "gke", "channel": "stable"}}
        assert stack_files.merge(parent, child) == child

    def test_no_layer_is_changed(self) -> None:
        parent: dict[str, Any] = {"a": {"b": 1}}
        stack_files.merge(parent, {"a": {"b": 2}})
        assert parent == {"a": {"b": 1}}


class TestExtends:
    def test_the_stack_wins_over_its_parents_and_later_parents_over_earlier(self, project: Path) -> None:
        write(project, "one.yaml", "config: {'chatgpt-mesh:a': {x: 1, y: 1, z: 1}}")
        write(project, "two.yaml", "config: {'chatgpt-mesh:a': {y: 2, z: 2}}")
        layers = layered(project, {"extends": ["one.yaml", "two.yaml"], "a": {"z": 3}})
        assert layers.values == {"a": {"x": 1, "y": 2, "z": 3}}
        assert not layers.problems

    def test_a_parent_has_parents(self, project: Path) -> None:
        write(project, "every.yaml", "config: {'chatgpt-mesh:a': {x: 1}}")
        write(project, "staging.yaml", "config: {'chatgpt-mesh:extends': [every.yaml], 'chatgpt-mesh:b': {y: 2}}")
        assert layered(project, {"extends": ["staging.yaml"]}).values == {"a": {"x": 1}, "b": {"y": 2}}

    def test_a_circle_is_told_with_its_links(self, project: Path) -> None:
        write(project, "a.yaml", "config: {'chatgpt-mesh:extends': [b.yaml]}")
        write(project, "b.yaml", "config: {'chatgpt-mesh:extends': [a.yaml]}")
        assert sentences(layered(project, {"extends": ["a.yaml"]})) == [
            "extends: a.yaml -> b.yaml -> a.yaml is a circle; a file cannot extend itself: drop one of the links"
        ]

    def test_two_ways_to_one_parent_are_no_circle(self, project: Path) -> None:
        write(project, "every.yaml", "config: {'chatgpt-mesh:a': {x: 1}}")
        write(project, "one.yaml", "config: {'chatgpt-mesh:extends': [every.yaml]}")
        write(project, "two.yaml", "config: {'chatgpt-mesh:extends': [every.yaml]}")
        assert not layered(project, {"extends": ["one.yaml", "two.yaml"]}).problems

    def test_a_missing_parent_is_named(self, project: Path) -> None:
        (sentence,) = sentences(layered(project, {"extends": ["nowhere.yaml"]}))
        assert sentence.startswith("extends: cannot read ")
        assert "nowhere.yaml: No such file or directory" in sentence

    def test_extends_is_a_list(self, project: Path) -> None:
        (sentence,) = sentences(layered(project, {"extends": "every.yaml"}))
        assert sentence.startswith("extends: must be a list of files, such as [config/every-stack.yaml]")

    def test_a_secret_in_a_parent_is_refused_with_its_path(self, project: Path) -> None:
        write(project, "p.yaml", "config: {'chatgpt-mesh:a': {list: [{token: {secure: v1:abc}}]}}")
        (sentence,) = sentences(layered(project, {"extends": ["p.yaml"]}))
        assert sentence.startswith("p.yaml: a.list[0].token: is encrypted for another stack and cannot be inherited")
        assert "pulumi config set --secret --path 'chatgpt-mesh:a.list[0].token'" in sentence
        assert "abc" not in sentence

    def test_another_package_in_a_parent_is_refused(self, project: Path) -> None:
        write(project, "p.yaml", "config: {'gcp:project': acme}")
        assert sentences(layered(project, {"extends": ["p.yaml"]})) == [
            "p.yaml: gcp:project: cannot be inherited, only chatgpt-mesh: settings can; set it in the stack's own file"
        ]

    def test_a_key_outside_config_is_refused(self, project: Path) -> None:
        write(project, "p.yaml", "chatgpt-mesh:a: {}")
        (sentence,) = sentences(layered(project, {"extends": ["p.yaml"]}))
        assert sentence.startswith("p.yaml: chatgpt-mesh:a: is not read here; move settings below `config`")

    def test_what_pulumi_keeps_in_a_stack_file_is_no_mistake(self, project: Path) -> None:
        write(project, "p.yaml", "encryptionsalt: v1:x\nconfig: {'chatgpt-mesh:a': {x: 1}}")
        assert not layered(project, {"extends": ["p.yaml"]}).problems


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("on", "on"),
            ("no", "no"),
            ("1:30", "1:30"),
            ("012", 12),
            ("0o12", 10),
            ("0x1F", 31),
            ("1_000", "1_000"),
            ("2027-01-31", "2027-01-31"),
            ("true", True),
            ("~", None),
            ("", None),
            ("1e3", 1000.0),
            ("<<", "<<"),
        ],
    )
    def test_scalars_are_those_of_yaml_1_2(self, project: Path, text: str, value: object) -> None:
        write(project, "p.yaml", f"config: {{'chatgpt-mesh:a': [{text or 'null'}]}}")
        assert layered(project, {"extends": ["p.yaml"]}).values == {"a": [value]}

    def test_a_key_given_twice_is_a_mistake(self, project: Path) -> None:
        write(project, "p.yaml", "config:\n  chatgpt-mesh:a: {x: 1}\n  chatgpt-mesh:a: {x: 2}\n")
        (sentence,) = sentences(layered(project, {"extends": ["p.yaml"]}))
        assert "the key 'chatgpt-mesh:a' is given twice" in sentence

    def test_code_in_yaml_is_not_run(self, project: Path) -> None:
        write(project, "p.yaml", "config: !!python/object/apply:os.system ['true']")
        (sentence,) = sentences(layered(project, {"extends": ["p.yaml"]}))
        assert "is not valid YAML" in sentence


def test_without_pulumi_a_secret_reads_as_a_word(project: Path) -> None:
    write(project, "Pulumi.x.yaml", "config: {'chatgpt-mesh:a': {token: {secure: v1:abc}}, 'gcp:project': acme}")
    layers = stack_files.read_stack_file(project / "Pulumi.x.yaml")
    assert layers.values == {"a": {"token": "[secret]"}}
    assert not layers.problems
