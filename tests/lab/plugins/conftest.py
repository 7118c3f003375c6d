"""An API server of its own (etcd, kube-apiserver, kube-controller-manager) and Pulumi projects that run against it.

No node is needed: the plugins are tested on objects, not on running pods. Everything lives in a temporary directory, on
free ports, and ends with the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[3]
TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm", "pulumi")
START_SECONDS = 60


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    from lab.toolchain import Toolchain

    built = Toolchain().path(name)
    if not built.exists():
        pytest.skip(f"{name} is neither on PATH nor built; `python -m lab up` builds it")
    return str(built)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class ApiServer:
    """A running API server."""

    directory: Path
    url: str
    token: str
    tools: dict[str, str]

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig.json"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        result = subprocess.run(
            [self.tools["kubectl"], "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def get(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))

    def get_managed(self, kind: str, name: str, namespace: str) -> list[dict[str, Any]]:
        """Who owns which of its fields."""
        shown = self.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields")
        return json.loads(shown)["metadata"]["managedFields"]

    def exists(self, kind: str, name: str, namespace: str = "default") -> bool:
        return bool(self.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "name").strip())

    def namespace(self, prefix: str) -> str:
        """A fresh namespace, so that tests do not meet."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        self.kubectl("create", "namespace", name)
        return name


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    tools = {name: _tool(name) for name in TOOLS}
    directory = tmp_path_factory.mktemp("api-server")
    etcd_port, etcd_peer_port, port = _free_port(), _free_port(), _free_port()
    token = secrets.token_hex(16)
    (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (directory / "sa.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    server = ApiServer(directory, f"https://127.0.0.1:{port}", token, tools)
    server.kubeconfig.write_text(json.dumps(_kubeconfig(server)))
    commands = {
        "etcd": [
            tools["etcd"],
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd_port}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd_port}",
            f"--listen-peer-urls=http://127.0.0.1:{etcd_peer_port}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{etcd_peer_port}",
            f"--initial-cluster=default=http://127.0.0.1:{etcd_peer_port}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ],
        "kube-apiserver": [
            tools["kube-apiserver"],
            f"--etcd-servers=http://127.0.0.1:{etcd_port}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={directory / 'certificates'}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={directory / 'sa.key'}",
            f"--service-account-signing-key-file={directory / 'sa.key'}",
            "--service-cluster-ip-range=10.1.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        ],
        "kube-controller-manager": [
            tools["kube-controller-manager"],
            f"--kubeconfig={server.kubeconfig}",
            "--secure-port=0",
            "--leader-elect=false",
            "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller",
        ],
    }
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += (_start(commands[name], directory / f"{name}.log") for name in ("etcd", "kube-apiserver"))
        _wait_ready(server, processes)
        processes.append(_start(commands["kube-controller-manager"], directory / "kube-controller-manager.log"))
        yield server
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGKILL)  # nothing of it is kept
            process.wait()


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)


def _wait_ready(server: ApiServer, processes: list[subprocess.Popen[bytes]]) -> None:
    trusting = ssl._create_unverified_context()  # noqa: S323 - the server makes its certificate at its start
    request = urllib.request.Request(f"{server.url}/readyz", headers={"Authorization": f"Bearer {server.token}"})  # noqa: S310
    deadline = time.monotonic() + START_SECONDS
    while True:
        for process in processes:
            assert process.poll() is None, f"{process.args} ended; see the logs in {server.directory}"
        try:
            with urllib.request.urlopen(request, context=trusting, timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        assert time.monotonic() < deadline, f"the API server is not ready; see the logs in {server.directory}"
        time.sleep(0.1)


def _kubeconfig(server: ApiServer) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "test", "user": {"token": server.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


@dataclass
class Outcome:
    """How one `pulumi` command ended."""

    status: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def errors(self) -> list[str]:
        """The messages that the engine has as errors."""
        found = [event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event]
        return [event["message"].strip() for event in found if event["severity"] == "error"]

    @property
    def steps(self) -> dict[str, str]:
        """What happened to each resource, by its name: create, same, update, replace, delete ..."""
        steps: dict[str, str] = {}
        for event in self.events:
            metadata = (event.get("resourcePreEvent") or event.get("resOutputsEvent") or {}).get("metadata")
            if metadata and not metadata["type"].startswith(("pulumi:", "pulumi.")):
                steps[metadata["urn"].split("::")[-1]] = metadata["op"]
        return steps

    def metadata(self, name: str) -> dict[str, Any]:
        """The engine's step on the resource `name`, with its detailed diff."""
        found = [
            event["resourcePreEvent"]["metadata"]
            for event in self.events
            if "resourcePreEvent" in event and event["resourcePreEvent"]["metadata"]["urn"].endswith(f"::{name}")
        ]
        assert found, f"nothing happened to {name}: {self.output}"
        return found[-1]

    @property
    def changes(self) -> dict[str, int]:
        summary = [event["summaryEvent"]["resourceChanges"] for event in self.events if "summaryEvent" in event]
        return {kind: count for kind, count in (summary[-1] if summary else {}).items() if count}


class Project:
    """A Pulumi project in a directory, run by the plain CLI with the stand-ins on PATH."""

    def __init__(self, directory: Path, server: ApiServer | None, pulumi: str, extra_path: str = "") -> None:
        self.directory = directory
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PATH": os.pathsep.join([str(CHECKOUT / "lab" / "plugins" / "bin"), extra_path, os.environ["PATH"]]),
            "LAB_PYTHON": sys.executable,
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_BACKEND_URL": f"file://{directory / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "KUBECONFIG": str(server.kubeconfig) if server else "/nonexistent",
        }
        self._pulumi = pulumi
        (directory / "state").mkdir(parents=True)
        (directory / "Pulumi.yaml").write_text("name: plugins\nruntime: python\n")
        self.pulumi("stack", "init", "test")

    def program(self, text: str) -> None:
        """The program; `pulumi`, `k8s` and `provider` are at hand."""
        preamble = "import pulumi\nimport pulumi_kubernetes as k8s\n"
        (self.directory / "__main__.py").write_text(preamble + textwrap.dedent(text))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [self._pulumi, *arguments, "--non-interactive", "--color=never"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Outcome:
        """Run a command, whatever comes of it."""
        log = self.directory / "events.json"
        log.unlink(missing_ok=True)
        command = [self._pulumi, *arguments, "--non-interactive", "--color=never"]
        if arguments[0] in ("up", "preview", "refresh", "destroy"):
            command += [f"--event-log={log}"]
        environment = {**self.environment, "PULUMI_DEBUG_COMMANDS": "true"}
        result = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False, timeout=180
        )
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Outcome(result.returncode, result.stdout, result.stderr, events)

    def pulumi(self, *arguments: str, fails: bool = False) -> Outcome:
        """Run a command; it must succeed, or fail where `fails` says so."""
        outcome = self.run(*arguments)
        assert (outcome.status != 0) is fails, outcome.output
        return outcome

    def up(self, text: str | None = None, *, fails: bool = False) -> Outcome:
        if text is not None:
            self.program(text)
        return self.pulumi("up", "--yes", "--skip-preview", fails=fails)

    def preview(self, text: str | None = None, *, fails: bool = False, diff: bool = False) -> Outcome:
        if text is not None:
            self.program(text)
        return self.pulumi("preview", *(["--diff"] if diff else []), fails=fails)

    def refresh(self) -> Outcome:
        return self.pulumi("refresh", "--yes", "--skip-preview")

    def destroy(self, *, fails: bool = False) -> Outcome:
        return self.pulumi("destroy", "--yes", "--skip-preview", fails=fails)

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json").stdout)

    def state(self) -> dict[str, Any]:
        """The resources of the stack's state as stored, by name."""
        stored = json.loads(self.pulumi("stack", "export").stdout)
        return {r["urn"].split("::")[-1]: r for r in stored["deployment"].get("resources", [])}


@pytest.fixture
def project(api_server: ApiServer, tmp_path: Path) -> Project:
    helm = str(Path(api_server.tools["helm"]).parent)
    return Project(tmp_path / "project", api_server, api_server.tools["pulumi"], helm)


@pytest.fixture
def offline_project(tmp_path: Path) -> Project:
    """A project that reaches no cluster."""
    return Project(tmp_path / "project", None, _tool("pulumi"))
