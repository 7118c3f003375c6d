"""`init` writes a project whose stack is without a mistake, or nothing and what is wrong."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml

from chatgpt_mesh import __version__
from chatgpt_mesh.stack import discovery, new_project
from chatgpt_mesh.stack.__main__ import main
from lab.pki import Authority
from tests.unit.golden import product

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.unit

COMMON = {
    "domain": "acme.example",
    "issuer": "https://login.acme.example",
    "jwks_uri": "https://login.acme.example/keys",
}
ANSWERS = {
    "existing-cluster": {**COMMON, "context": "nowhere"},
    "gke": {
        **COMMON,
        "project": "acme-tools",
        "project_number": "100200300400",
        "region": "europe-west1",
        "zones": "europe-west1-b, europe-west1-c, europe-west1-d",
    },
}
LINES = {"existing-cluster": 16, "gke": 42}
"""What a person has to read first."""


def arguments(answers: Mapping[str, str]) -> list[str]:
    return [word for name, said in answers.items() for word in (f"--{name.replace('_', '-')}", said)]


def init(kind: str, directory: Path, answers: Mapping[str, str]) -> int:
    return main(["init", kind, str(directory), *arguments(answers)])


@pytest.mark.parametrize("kind", ANSWERS)
class TestProject:
    def test_its_stack_passes_every_check_of_the_program(self, kind: str, tmp_path: Path) -> None:
        assert init(kind, tmp_path / "weather", ANSWERS[kind]) == 0
        built = product.of_file(tmp_path / "weather" / "Pulumi.dev.yaml")
        assert built.findings() == []
        assert "weather" in built.mesh.spec.apps

    def test_it_is_short(self, kind: str, tmp_path: Path) -> None:
        init(kind, tmp_path / "weather", ANSWERS[kind])
        written = (tmp_path / "weather" / "Pulumi.dev.yaml").read_text(encoding="utf-8").splitlines()
        said = [line for line in written if line.strip() and not line.strip().startswith("#")]
        assert len(said) <= LINES[kind]

    def test_its_program_is_the_wheel_of_this_version(self, kind: str, tmp_path: Path) -> None:
        init(kind, tmp_path / "weather", ANSWERS[kind])
        assert (tmp_path / "weather" / "requirements.txt").read_text() == f"chatgpt-mesh=={__version__}\n"
        project = yaml.safe_load((tmp_path / "weather" / "Pulumi.yaml").read_text())
        assert project["name"] == "weather"
        assert project["config"] == {"pulumi:disable-default-providers": ["*"]}

    def test_every_answer_is_in_it(self, kind: str, tmp_path: Path) -> None:
        init(kind, tmp_path / "weather", {**ANSWERS[kind], "app": "tides", "stack": "prod"})
        written = (tmp_path / "weather" / "Pulumi.prod.yaml").read_text(encoding="utf-8")
        assert [said for said in ANSWERS[kind].values() if said not in written] == []
        assert "tides.acme.example" in written


class TestRefusal:
    def test_all_that_is_lacking_is_named_at_once(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", open(os.devnull, encoding="utf-8"))  # noqa: SIM115 - for the test's time
        assert init("gke", tmp_path / "weather", {"domain": "acme.example"}) == 2
        named = re.findall(r"^  (--[a-z-]+): is needed", capsys.readouterr().err, re.MULTILINE)
        assert named == ["--project", "--project-number", "--zones", "--issuer", "--jwks-uri"]

    @pytest.mark.parametrize(
        ("answer", "said", "sentence"),
        [
            ("domain", "acme..example", "apps.weather.host: "),
            ("issuer", "login.acme.example", "apps.weather.auth.issuers[0].issuer: "),
            ("app", "Weather", "apps.Weather: "),
            ("domain", 'x"]}, more: {a: ["b', ""),
        ],
    )
    def test_a_wrong_answer_writes_nothing(
        self, answer: str, said: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert init("existing-cluster", tmp_path / "weather", {**ANSWERS["existing-cluster"], answer: said}) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "weather").exists()

    def test_nothing_that_is_there_is_written_over(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "__main__.py").write_text("mine")
        assert init("gke", tmp_path, ANSWERS["gke"]) == 2
        assert f"{tmp_path / '__main__.py'}: is there already" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["__main__.py"]


def test_a_person_at_a_terminal_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    answers = {**ANSWERS["existing-cluster"], "app": "tides"}

    def answer(prompt: str) -> str:
        asked.append(prompt.partition(":")[0])
        return answers.get(asked[-1], "")

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(discovery, "jwks_uri", lambda _issuer: None)
    assert main(["init", "existing-cluster", str(tmp_path / "weather")]) == 0
    assert asked == [question.name for question in new_project.questions("existing-cluster")]
    assert "host: tides.acme.example" in (tmp_path / "weather" / "Pulumi.dev.yaml").read_text()


class TestDiscovery:
    """An issuer behind real TLS, asked by a process that trusts its CA."""

    @pytest.mark.parametrize(
        ("path", "document"),
        [
            ("/tenant", "/.well-known/oauth-authorization-server/tenant"),
            ("/tenant", "/tenant/.well-known/openid-configuration"),
            ("", "/.well-known/openid-configuration"),
        ],
    )
    def test_its_document_says_where_the_keys_are(self, path: str, document: str, tmp_path: Path) -> None:
        with serving(tmp_path, document, path) as (origin, trusted):
            assert asked(f"{origin}{path}", trusted) == f"{origin}/keys"

    def test_a_document_of_another_issuer_says_nothing(self, tmp_path: Path) -> None:
        with serving(tmp_path, "/.well-known/openid-configuration", "/somebody-else") as (origin, trusted):
            assert asked(origin, trusted) == "None"

    def test_nobody_is_asked_without_tls(self) -> None:
        assert discovery.jwks_uri("http://127.0.0.1:1") is None


def asked(issuer: str, trusted: Path) -> str:
    text = f"from chatgpt_mesh.stack import discovery; print(discovery.jwks_uri({issuer!r}))"
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "SSL_CERT_FILE": str(trusted)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@contextmanager
def serving(directory: Path, document: str, issuer_path: str) -> Iterator[tuple[str, Path]]:
    """The origin of a server with one document, and its CA's certificate."""
    authority = Authority(directory, "test").ensure()
    certificate, key = authority.issue("server", "localhost", names=["localhost"])

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            origin = f"https://localhost:{server.server_port}"
            body = json.dumps({"issuer": f"{origin}{issuer_path}", "jwks_uri": f"{origin}/keys"}).encode()
            self.send_response(200 if self.path == document else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("localhost", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}", authority.certificate
    finally:
        server.shutdown()
        server.server_close()
