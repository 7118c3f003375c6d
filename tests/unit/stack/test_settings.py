"""A stack's settings: every mistake at once, and the schemas that editors and other teams read."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from chatgpt_mesh.components.specs import compatibility
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import schema, settings
from tests.surroundings import KEY_SET, ROOT, STACKS, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[Path]:
    with surroundings(tmp_path / "machine"):
        yield tmp_path


def stack_file(directory: Path, config: dict[str, Any]) -> Path:
    path = directory / "Pulumi.test.yaml"
    path.write_text(yaml.safe_dump({"config": {f"chatgpt-mesh:{k}": v for k, v in config.items()}}), encoding="utf-8")
    return path


def sentences(directory: Path, config: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        settings.load_stack(stack_file(directory, config), TODAY)
    return [str(problem) for problem in caught.value.problems]


SOUND: dict[str, Any] = {"cluster": {"kind": "existing"}, "istio": {"version": RELEASE}}


class TestStacksOfThisRepository:
    @pytest.mark.parametrize("stack", STACKS)
    def test_loads(self, stack: str) -> None:
        assert settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", TODAY).apps

    def test_staging_and_prod_differ_where_environments_do(self) -> None:
        staging = settings.load_stack(ROOT / "Pulumi.staging.yaml", TODAY)
        prod = settings.load_stack(ROOT / "Pulumi.prod.yaml", TODAY)
        assert staging.faults_allowed
        assert not prod.faults_allowed
        assert staging.istio.control_plane.replicas.max < prod.istio.control_plane.replicas.max
        assert staging.istio.version == prod.istio.version


class TestMistakes:
    def test_a_sound_stack_has_none(self, tmp_path: Path) -> None:
        assert settings.load_stack(stack_file(tmp_path, SOUND), TODAY).istio.version == RELEASE

    def test_what_is_missing_is_said_with_what_it_is_for(self, tmp_path: Path) -> None:
        assert sentences(tmp_path, {}) == [
            "cluster: is required: The Kubernetes cluster: one that is made (gke) or adopted (existing).",
            "istio: is required: Istio's version, charts and control plane.",
        ]

    def test_a_misspelt_setting_is_told_its_likely_name(self, tmp_path: Path) -> None:
        assert sentences(tmp_path, {**SOUND, "gatways": {}}) == ["gatways: is not a setting; did you mean `gateways`?"]

    def test_a_mistake_in_one_app_hides_no_other(self, tmp_path: Path) -> None:
        apps = {
            "broken": {"namespace": "apps", "service": {"port": "8080"}},
            "sound": {
                "namespace": "apps",
                "service": {"port": 8080},
                "routes": [{"exact": "/ask"}],
                "callers": [{"app": "broken"}, {"app": "nobody"}],
            },
        }
        wrong, dangling = sentences(tmp_path, {**SOUND, "apps": apps})
        assert wrong == "apps.broken.service.port: must be a whole number, without quotes (given: '8080')"
        assert "nobody" in dangling

    def test_a_name_that_kubernetes_refuses(self, tmp_path: Path) -> None:
        (sentence,) = sentences(tmp_path, {**SOUND, "apps": {"Chat_GPT": {"namespace": "apps"}}})
        assert sentence.startswith("apps.Chat_GPT: must be a DNS label")

    def test_a_tag_must_point_to_a_revision(self, tmp_path: Path) -> None:
        istio = {
            "version": RELEASE,
            "revisions": {"1-31-4": "1.31.4"},
            "tags": {"stable": "1-30"},
            "injection": "stable",
        }
        assert sentences(tmp_path, {**SOUND, "istio": istio}) == [
            "istio: tags.stable points to 1-30, which is no revision (1-31-4)"
        ]

    def test_a_release_that_no_row_tells_of_is_refused_on_any_cluster(self, tmp_path: Path) -> None:
        istio = {"version": "1.99.0", "revisions": {"new": "1.98.1", "old": "1.9.0"}, "injection": "old"}
        newest = f"1.{max(compatibility.ROWS)}"
        unknown = (
            f"is not known here: which Kubernetes Istio {{}} runs on is not written down; take 1.29 to {newest}, or "
            "add a row to components/specs/compatibility.py (docs/istio-version.md)"
        )
        assert sentences(tmp_path, {**SOUND, "istio": istio}) == [
            f"istio.version: {unknown.format('1.99')} (given: '1.99.0')",
            f"istio.revisions.new: {unknown.format('1.98')} (given: '1.98.1')",
            "istio.revisions.old: must be 1.29.7 or newer; older ones get no fixes (given: '1.9.0')",
        ]

    def test_ambient_is_told_why_not(self, tmp_path: Path) -> None:
        (sentence,) = sentences(tmp_path, {**SOUND, "istio": {"version": RELEASE, "data_plane": "ambient"}})
        assert sentence.startswith("istio.data_plane: ambient is not offered: ")

    def test_gke_needs_a_project_and_a_network(self, tmp_path: Path) -> None:
        cluster = {
            "kind": "gke",
            "pools": {"mesh": {"machine_type": "e2-standard-4", "zones": [], "nodes": {"min": 1, "max": 3}}},
        }
        found = sentences(tmp_path, {**SOUND, "cluster": cluster})
        assert any(sentence.startswith("project: is required with cluster.kind gke") for sentence in found), found
        assert any(sentence.startswith("network: is required with cluster.kind gke") for sentence in found), found

    def test_revisions_need_to_know_which_of_them_injects(self, tmp_path: Path) -> None:
        istio = {"version": RELEASE, "revisions": {"1-31-4": "1.31.4"}}
        assert sentences(tmp_path, {**SOUND, "istio": istio}) == [
            "istio: injection is needed beside revisions: name a tag or one of 1-31-4"
        ]


class TestKeySetFile:
    def app(self, **issuer: str) -> dict[str, Any]:
        auth = {"issuers": [{"issuer": "https://auth.example.com", **issuer}]}
        listener = {"hosts": ["*.example.com"], "tls": {"secret": "tls"}}
        return {
            **SOUND,
            "gateways": {"public": {"kind": "public", "listeners": {"web": listener}}},
            "apps": {
                "mcp": {
                    "namespace": "apps",
                    "host": "mcp.example.com",
                    "gateway": "public",
                    "service": {"port": 8080},
                    "mcp": {},
                    "auth": auth,
                }
            },
        }

    def test_its_content_stands_in_its_place(self, tmp_path: Path) -> None:
        loaded = settings.load_stack(stack_file(tmp_path, self.app(jwks_file="$LAB_STATE/issuer/jwks.json")), TODAY)
        auth = loaded.apps["mcp"].auth
        assert auth is not None
        assert auth.issuers[0].jwks == KEY_SET

    def test_beside_another_source_it_is_refused(self, tmp_path: Path) -> None:
        config = self.app(jwks_file="$LAB_STATE/issuer/jwks.json", jwks_uri="https://auth.example.com/jwks")
        assert any(
            "apps.mcp.auth.issuers[0].jwks_file: stands beside jwks or jwks_uri" in sentence
            for sentence in sentences(tmp_path, config)
        )

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        assert (
            "apps.mcp.auth.issuers[0].jwks_file: cannot be read: No such file or directory; "
            "name a JSON Web Key Set file (given: '/nowhere')"
        ) in sentences(tmp_path, self.app(jwks_file="/nowhere"))

    def test_an_unset_variable_is_named(self, tmp_path: Path) -> None:
        assert any(
            "apps.mcp.auth.issuers[0].jwks_file: names the environment variable NOWHERE, which is not set" in sentence
            for sentence in sentences(tmp_path, self.app(jwks_file="$NOWHERE/jwks.json"))
        )


class TestWhatCannotBeRead:
    """After a mistake of YAML nothing else is said: whatever seems missing is missing because of it."""

    def told(self, directory: Path, text: str | bytes) -> str:
        path = directory / "Pulumi.test.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InvalidConfig) as caught:
            settings.load_stack(path, TODAY)
        (problem,) = caught.value.problems
        return str(problem).removeprefix(f"{path}: ")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "config:\n  chatgpt-mesh:apps: {a: b",
                "is not valid YAML: line 2, column 27: expected ',' or '}', but got '<stream end>'",
            ),
            ("config:\n  a: b: c\n", "is not valid YAML: line 2, column 7: mapping values are not allowed here"),
            ("config: {a: 1, a: 2}", "is not valid YAML: line 1, column 16: the key 'a' is given twice"),
            ("config: {1: 2}", "is not valid YAML: line 1, column 10: the key 1 is not a string; put it in quotes"),
            ("config: {a: !!int b}", "is not valid YAML: line 1, column 13: this is no number"),
            ("config: {a: !!bool b}", "is not valid YAML: line 1, column 13: this is neither true nor false"),
            ("config: {a: !!timestamp b}", "is not valid YAML: line 1, column 13: could not determine a constructor"),
            ("config: {a: !!binary b}", "is not valid YAML: line 1, column 13: could not determine a constructor"),
            ("config: {a: " + "9" * 5000 + "}", "is not valid YAML: line 1, column 13: this is no number"),
            ("config: " + "[" * 5000, "is nested too deeply to be read; mend its brackets"),
            ("config: *nobody", "is not valid YAML: line 1, column 9: found undefined alias 'nobody'"),
            ("config: \0", "is not valid YAML: "),
            (b"config: \xff", "cannot be read: "),
            ("[config]", "must be a mapping with the key `config`, like a Pulumi stack file"),
        ],
    )
    def test_it_alone_is_told(self, text: str | bytes, sentence: str, tmp_path: Path) -> None:
        assert self.told(tmp_path, text).startswith(sentence)

    def test_a_line_of_the_file_is_not_shown(self, tmp_path: Path) -> None:
        assert "pass-word" not in self.told(tmp_path, "config:\n  token: pass-word: a\n")

    def test_a_parent_that_cannot_be_read_is_told_alone(self, tmp_path: Path) -> None:
        (sentence,) = sentences(tmp_path, {"extends": ["nowhere.yaml"], "gatways": {}})
        assert sentence.startswith("extends: cannot read ")


class TestSchema:
    def test_the_committed_schema_is_the_generated_one(self) -> None:
        committed = json.loads((ROOT / "docs" / "stack.schema.json").read_text(encoding="utf-8"))
        assert committed == schema.json_schema(), "python -m stack schema > docs/stack.schema.json"

    @pytest.mark.parametrize("name", ["config/every-stack.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS)])
    def test_every_stack_file_matches_it(self, name: str) -> None:
        document = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema.json_schema()).validate(document)

    def test_it_refuses_a_misspelt_key(self) -> None:
        document = {"config": {"chatgpt-mesh:istio": {"controlplane": {}}}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema.json_schema()).validate(document)
