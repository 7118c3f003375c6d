"""The package under Pulumi's real CLI and engine: its schema, its SDKs, and the example programs.

No lab and no network: plugins are the lab's stand-ins, and the cluster of the examples is not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.screen import Screen
from lab.state import CHECKOUT
from lab.toolchain import GO_FLAGS, PACKAGE_FAMILIES, Toolchain
from tests.lab.offline_engine import OfflineEngine, prepared
from tests.lab.real_clients.installed import from_npm

if TYPE_CHECKING:
    pass

SCHEMA = CHECKOUT / "package" / "schema.json"
APP = """
    mesh.App(
        "weather",
        namespace="weather",
        host="weather.example.com",
        gateway="public",
        service={"port": 8080},
        mcp={"path": "/mcp"},
        open=True,
        opts=on_cluster,
        **{%s},
    )
"""
PROGRAM = """
import pulumi
import pulumi_chatgpt_mesh as mesh
import pulumi_kubernetes as kubernetes

cluster = kubernetes.Provider("cluster", kubeconfig=%s, cluster_identifier="test", enable_server_side_apply=True)
on_cluster = pulumi.ResourceOptions(providers=[cluster])
if True:
%s
"""
GO_MODULE = "example.com/pulumi-chatgpt-mesh/sdk/go"
"""What the schema says of the SDK in Go."""
UNKNOWN = "pulumi.Output.from_input(pulumi.output.Unknown())"


@dataclass(frozen=True)
class Bench(OfflineEngine):
    """A directory like the checkout as far as examples see it, and Pulumi in it."""

    def preview(self, project: Path, *arguments: str) -> str:
        return self.previewed(project, "dev", *arguments)

    def example(self, name: str) -> Path:
        copy = self.directory / "examples" / name
        shutil.copytree(CHECKOUT / "examples" / name, copy, dirs_exist_ok=True)
        return copy

    def program(self, text: str, kubeconfig: str = UNKNOWN) -> Path:
        project = self.example("package-python")
        (project / "__main__.py").write_text(PROGRAM % (kubeconfig, text), encoding="utf-8")
        return project


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    directory = tmp_path_factory.mktemp("package")
    for name in ("package", ".venv"):
        (directory / name).symlink_to(CHECKOUT / name)
    engine = prepared(directory, *PACKAGE_FAMILIES)
    toolchain = Toolchain()
    (directory / "state" / "bin" / "pulumi-language-yaml").symlink_to(toolchain.path("pulumi-language-yaml"))
    sdk = directory / "installed"
    made = Bench(directory, {**engine.variables, "PYTHONPATH": str(sdk)})
    generated = made.pulumi(directory, "package", "gen-sdk", "--language", "python", "--out", "sdk", "./package")
    assert generated.returncode == 0, generated.stderr
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(sdk), str(directory / "sdk" / "python")], check=True, timeout=120)
    return made


def sdk_in(language: str, directory: Path) -> Path:
    """The SDK in a language whose host is not here, by the generator that the host would call."""
    generator = Toolchain().path("pulumi-sdk")
    done = subprocess.run(
        [str(generator), language, str(directory)],
        input=SCHEMA.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


def test_the_cli_starts_the_package_and_reads_its_schema(bench: Bench) -> None:
    done = bench.pulumi(bench.directory, "package", "get-schema", "./package")
    assert done.returncode == 0, done.stderr
    committed: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["resources"].keys() == committed["resources"].keys()


def test_a_project_adds_the_package_by_its_folder(bench: Bench) -> None:
    project = bench.directory / "added"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: added\nruntime: python\n", encoding="utf-8")
    done = bench.pulumi(project, "package", "add", "../package")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((project / "Pulumi.yaml").read_text())["packages"] == {"chatgpt-mesh": "../package"}
    assert (project / "sdks" / "chatgpt-mesh" / "pulumi_chatgpt_mesh" / "app.py").is_file()


def test_a_schema_that_pulumi_refuses_would_be_refused(tmp_path: Path) -> None:
    broken = json.loads(SCHEMA.read_text(encoding="utf-8"))
    broken["resources"]["chatgpt-mesh:index:App"]["inputProperties"]["mcp"] = {"$ref": "#/types/chatgpt-mesh:index:No"}
    done = subprocess.run(
        [str(Toolchain().path("pulumi-sdk")), "python", str(tmp_path)],
        input=json.dumps(broken),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "chatgpt-mesh:index:No" in done.stderr


def test_the_example_in_python_is_planned(bench: Bench) -> None:
    plan = bench.preview(bench.example("package-python"))
    assert "chatgpt-mesh:index:App weather" in plan, plan
    assert "VirtualService/weather/weather" in plan
    assert "weather-public-tokens" in plan
    assert re.search(r'mcp_url: "https://weather\.example\.com/mcp"', plan), plan


def test_the_example_in_yaml_is_planned(bench: Bench) -> None:
    plan = bench.preview(bench.example("package-yaml"))
    assert "Gateway/platform-ingress/public" in plan, plan
    assert "VirtualService/weather/weather" in plan
    assert re.search(r'mcpUrl: "https://weather\.example\.com/mcp"', plan), plan


def test_a_misspelt_setting_in_yaml_is_found_before_anything_runs(bench: Bench) -> None:
    project = bench.example("package-yaml")
    written = (project / "Pulumi.yaml").read_text(encoding="utf-8")
    (project / "Pulumi.yaml").write_text(written.replace("mcp: {path: /mcp}", "mpc: {path: /mcp}"), encoding="utf-8")
    plan = bench.preview(project)
    assert "mpc" in plan
    assert "status 0" not in plan


def test_a_mistake_fails_the_plan_with_the_sentence_alone(bench: Bench) -> None:
    plan = bench.preview(bench.program(APP % "'longest_call': '6x', 'callers': [{'paths': ['mcp']}]"))
    assert 'apps.weather.longest_call: must be a duration such as "600s"' in plan, plan
    assert "apps.weather.callers[0].paths[0]: must be a path that starts with '/'" in plan
    assert "Traceback" not in plan
    assert "status 0" not in plan
    assert "VirtualService" not in plan


def test_what_is_not_known_yet_is_named_in_the_plan(bench: Bench) -> None:
    plan = bench.preview(bench.program(APP % "'trust_domain': cluster.id"))
    assert "trustDomain will be known only when another resource is made" in plan, plan
    assert "chatgpt-mesh:index:App weather" in plan


def test_a_secret_does_not_show_in_the_plan(bench: Bench) -> None:
    header = "'routes': [{'exact': '/health', 'auth': 'none', 'headers': {'request': {'set': {'x-key': %s}}}}]"
    shown = bench.preview(bench.program(APP % (header % "'canary-4711'")), "--diff")
    hidden = bench.preview(bench.program(APP % (header % "pulumi.Output.secret('canary-4711')")), "--diff")
    assert "canary-4711" in shown, shown
    assert "canary-4711" not in hidden
    assert "status 0" in hidden, hidden


def test_a_whole_mesh_is_planned_on_a_cluster_that_is_not_there_yet(bench: Bench) -> None:
    mesh = """
    made = mesh.Mesh(
        "mesh",
        istio={"version": "1.31.4"},
        gateways={"public": {
            "kind": "public",
            "listeners": {"https": {"hosts": ["*.example.com"], "tls": {"secret": "example-com-tls"}}},
        }},
        apps={"weather": {
            "namespace": "weather", "host": "weather.example.com", "gateway": "public", "service": {"port": 8080},
            "mcp": {"path": "/mcp"}, "open": True,
        }},
        opts=on_cluster,
    )
    pulumi.export("principal", made.apps["weather"].principal)
    """
    plan = bench.preview(bench.program(mesh))
    for name in ("istio-base", "istiod", "istio-ingress/istio-ingressgateway", "VirtualService/weather/weather"):
        assert name in plan, plan
    assert 'principal: "cluster.local/ns/weather/sa/weather"' in plan


def test_the_example_in_python_is_typed(bench: Bench, tmp_path: Path) -> None:
    settings = {
        "strict": ["."],
        "venvPath": str(CHECKOUT),
        "venv": ".venv",
        "extraPaths": [str(bench.directory / "installed")],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    written = (CHECKOUT / "examples" / "package-python" / "__main__.py").read_text(encoding="utf-8")

    def checked(program: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "__main__.py").write_text(program, encoding="utf-8")
        pyright = Path(sys.executable).with_name("pyright")
        return subprocess.run([pyright], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    good = checked(written)
    assert good.returncode == 0, good.stdout
    misspelt = checked(written.replace('"port": 8080', '"prt": 8080'))
    assert "ServiceSpecArgsDict" in misspelt.stdout, misspelt.stdout


@pytest.mark.registry
def test_the_example_in_typescript_is_typed(tmp_path: Path) -> None:
    Toolchain().ensure(PACKAGE_FAMILIES, Screen())
    modules = from_npm(CHECKOUT / "tests" / "lab" / "package_sdk" / "typescript") / "node_modules"
    (tmp_path / "node_modules" / "@pulumi").mkdir(parents=True)
    for name in ("@pulumi/pulumi", "@types"):
        (tmp_path / "node_modules" / name).symlink_to(modules / name)
    sdk_in("nodejs", tmp_path / "node_modules" / "@pulumi" / "chatgpt-mesh")
    written = (CHECKOUT / "examples" / "package-typescript" / "index.ts").read_text(encoding="utf-8")

    def checked(program: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "index.ts").write_text(program, encoding="utf-8")
        options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
        command = ["node", str(modules / "typescript" / "bin" / "tsc"), *options, "--preserveSymlinks", "index.ts"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    good = checked(written)
    assert good.returncode == 0, good.stdout
    misspelt = checked(written.replace("rateLimit:", "rateLimits:"))
    assert "'rateLimits' does not exist in type 'AppArgs'" in misspelt.stdout, misspelt.stdout
    no_literal = checked(written.replace('per: "subject"', 'per: "person"'))
    assert '"person"' in no_literal.stdout, no_literal.stdout


@pytest.mark.long
def test_the_sdk_in_go_compiles(tmp_path: Path) -> None:
    toolchain = Toolchain()
    toolchain.ensure(PACKAGE_FAMILIES, Screen())
    sdk = sdk_in("go", tmp_path / "sdk")
    pins = toolchain.module("package")
    # In the module that pins Pulumi's version, so that nothing else is chosen here.
    module = (pins / "go.mod").read_text(encoding="utf-8")
    (sdk / "go.mod").write_text(module.replace("chatgpt-mesh.dev/lab/toolchain/package", GO_MODULE), "utf-8")
    shutil.copy(pins / "go.sum", sdk / "go.sum")
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": f"{GO_FLAGS} -mod=mod", "GOWORK": "off"}
    command = [toolchain.go("package", Screen()), "build", "-trimpath", "-buildvcs=false", "./..."]
    done = subprocess.run(command, cwd=sdk, env={**os.environ, **fixed}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
