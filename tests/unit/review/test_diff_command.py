"""`python -m mesh diff`: revisions, a running cluster, three forms, and nothing that a declaration could smuggle in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.mesh.__main__ import main
from chatgpt_mesh.review.changes import forms
from chatgpt_mesh.review.changes.difference import between
from chatgpt_mesh.review.running_cluster import against_cluster
from tests.unit.review.stacks import STACK, edited, version

pytestmark = pytest.mark.unit

TEN = edited("percent: 5", "percent: 10")
STEP = "5 % of new sessions of weather move from v1 to v2; now 90 % v1, 10 % v2."


def git(directory: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(directory), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository, with one commit, and a canary step that is not committed."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: test\n", encoding="utf-8")
    (folder / "Pulumi.test.yaml").write_text("config: {chatgpt-mesh:extends: [parent.yaml]}\n", encoding="utf-8")
    (folder / "parent.yaml").write_text(STACK, encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    (folder / "parent.yaml").write_text(TEN, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_a_revision_is_read_with_the_files_that_it_extends(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "main:test", "test"]) == 1
    assert f"Traffic\n    {STEP}\n" in capsys.readouterr().out
    assert Path.cwd() == project


def test_nothing_differs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "main:test", "HEAD:test"]) == 0
    assert capsys.readouterr().out == "Nothing changes.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope:test", "test"], "git finds no commit 'nope'"),
        (["--output=x:test", "test"], "unrecognized arguments"),
        (["main:prod", "test"], "no such stack file (Pulumi.prod.yaml); stacks there: test"),
        (["test"], "give BEFORE and NOW, or one stack and --cluster"),
        (["test", "test", "--cluster"], "give BEFORE and NOW, or one stack and --cluster"),
    ],
)
def test_wrong_use(project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    try:
        status = main(["diff", *arguments])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_a_version_with_mistakes_is_named_with_them(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "parent.yaml").write_text(edited("percent: 5", "percent: 500"), encoding="utf-8")
    assert main(["diff", "main:test", "test"]) == 2
    assert "test: 1 mistake in the configuration:\n  apps.weather.rollout.canary.percent" in capsys.readouterr().err


def test_markdown_and_json_say_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", "main:test", "test", "--format", "markdown"])
    assert f"**Traffic**\n\n- {STEP}\n" in capsys.readouterr().out
    main(["diff", "main:test", "test", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["sentences"] == [{"topic": "Traffic", "text": STEP, "opens": False}]


def test_what_a_declaration_says_is_no_markup(tmp_path: Path) -> None:
    why = "<img src=x onerror=a()> [link](https://evil.example) @everyone `code`"
    exception = f"""  chatgpt-mesh:security:
    exceptions:
      - workload: weather
        namespace: weather
        port: 90
        until: "2027-01-31"
        why: "{why}"
        from_networks: [10.0.0.0/16]
  chatgpt-mesh:apps:"""
    old, new = version(tmp_path, "a", STACK), version(tmp_path, "b", edited("  chatgpt-mesh:apps:", exception))
    said = forms.markdown(between(old, new))
    assert "\\<img src=x onerror=a()\\> \\[link\\](https://evil.example) &#64;everyone \\`code\\`" in said


def test_no_secret_is_told(tmp_path: Path) -> None:
    """Encrypted values are not read, and stand as `[secret]` in both versions."""
    sealed = edited("host: api.openai.com", "host: api.openai.com", STACK)
    key = "resource_name: {secure: v1:canary-value-of-a-secret}"
    sealed = edited("tools: {forecast", f"{key}\n        tools: {{forecast", sealed)
    old, new = version(tmp_path, "a", STACK), version(tmp_path, "b", sealed)
    changes = between(old, new)
    for said in (forms.text(changes), forms.markdown(changes), forms.as_json(changes)):
        assert "resource_name is [secret]" in said.replace("\\", "")
        assert "canary-value" not in said


SERVED = {
    "AuthorizationPolicy": "authorizationpolicies",
    "DestinationRule": "destinationrules",
    "EnvoyFilter": "envoyfilters",
    "Gateway": "gateways",
    "PeerAuthentication": "peerauthentications",
    "ProxyConfig": "proxyconfigs",
    "RequestAuthentication": "requestauthentications",
    "ServiceEntry": "serviceentries",
    "Sidecar": "sidecars",
    "Telemetry": "telemetries",
    "TrafficExtension": "trafficextensions",
    "VirtualService": "virtualservices",
    "WasmPlugin": "wasmplugins",
    "WorkloadEntry": "workloadentries",
    "WorkloadGroup": "workloadgroups",
}
"""What Istio's definitions call each kind in an address."""


class Cluster:
    """The objects that a cluster has, by plural."""

    def __init__(self, objects: Sequence[Mapping[str, Any]]) -> None:
        self.objects_by_plural: dict[str, list[Mapping[str, Any]]] = {}
        for one in objects:
            served = {**one, "metadata": {**one["metadata"], "uid": "1", "resourceVersion": "2", "managedFields": []}}
            self.objects_by_plural.setdefault(SERVED[one["kind"]], []).append(served)

    def objects(self, group: str, version: str, plural: str) -> Sequence[Mapping[str, Any]]:
        return [one for one in self.objects_by_plural.get(plural, ()) if one["apiVersion"].startswith(f"{group}/")]


def test_a_cluster_that_runs_the_stack_does_not_differ(tmp_path: Path) -> None:
    stack = version(tmp_path, "a", STACK)
    elsewhere = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": "another-team"},
        "spec": {"hosts": ["theirs.example.org"]},
    }
    assert against_cluster(stack, Cluster([*stack.objects, elsewhere])).sentences == ()


def test_every_kind_is_asked_for_by_the_name_that_is_served(tmp_path: Path) -> None:
    asked: dict[str, str] = {}

    class Asked(Cluster):
        def objects(self, group: str, version: str, plural: str) -> Sequence[Mapping[str, Any]]:
            asked[plural] = group
            return super().objects(group, version, plural)

    against_cluster(version(tmp_path, "a", STACK), Asked([]))
    assert set(asked) == set(SERVED.values())


def test_a_cluster_is_compared_by_what_it_answers(tmp_path: Path) -> None:
    declared, runs = version(tmp_path, "a", STACK), version(tmp_path, "b", TEN)
    found = [one.text for one in against_cluster(declared, Cluster(runs.objects)).sentences]
    assert found == [STEP]
    without = [one for one in declared.objects if one["metadata"]["name"] != "weather-callers"]
    lost = [one.text for one in against_cluster(declared, Cluster(without)).sentences]
    assert any("frontend may no longer reach weather: GET/POST/DELETE /mcp" in one for one in lost), lost


def test_a_cluster_that_nobody_reaches(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(**_: object) -> None:
        raise ControlPlaneUnreachableError("No cluster to ask: /nowhere cannot be used.")

    monkeypatch.setattr("chatgpt_mesh.control_plane.kubernetes_api.KubernetesApi", refuses)
    assert main(["diff", "test", "--cluster"]) == 2
    assert "No cluster to ask" in capsys.readouterr().err


def test_a_caller_is_one_sentence_in_the_command_and_in_the_comment(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    caller = "- {app: frontend, paths: [/mcp]}"
    new = f"{caller}\n        - {{service_account: batch, namespace: jobs, paths: [/mcp]}}"
    (project / "parent.yaml").write_text(edited(caller, new), encoding="utf-8")
    said = "jobs/batch may now reach weather: GET/POST/DELETE /mcp."
    assert main(["diff", "main:test", "test"]) == 1
    assert capsys.readouterr().out.count(said) == 1
    assert main(["diff", "main:test", "test", "--format", "markdown"]) == 1
    assert capsys.readouterr().out.count(f"\n- **opens** {said}\n") == 1
