"""A platform and two teams on the running lab: their stacks under Pulumi's engine, each with its own account."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.components.grants import manifests
from chatgpt_mesh.mesh.specs.grants import GrantSpec
from chatgpt_mesh.stack.settings import Settings, load_stack
from lab.images import WORKLOAD_IMAGE
from lab.state import CHECKOUT
from lab.workloads import declared_apps
from tests.lab.edge_certificates import certified
from tests.lab.kubectl import kubectl
from tests.lab.running_lab import RunningLab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ISSUER = "https://auth.example.com"
PLATFORM = "organization/chatgpt-mesh/lab"
OUTSIDE = "api.openai.com"
DEPLOYER = "deploy"


def grants(lab: RunningLab) -> dict[str, Any]:
    """What the platform's stack grants: two teams, with hosts of their own below one listener."""
    keys = {"issuer": ISSUER, "jwks_file": str(lab.state.issuer / "jwks.json")}
    return {
        "billing": {
            "namespaces": ["billing"],
            "hosts": ["*.billing.example.com"],
            "gateways": ["public"],
            "issuers": [keys],
            "egress": [OUTSIDE],
            "accounts": [{"service_account": DEPLOYER, "namespace": "billing"}],
        },
        "travel": {
            "namespaces": ["travel"],
            "hosts": ["travel.example.com"],
            "gateways": ["public"],
            "issuers": [keys],
            "accounts": [{"service_account": DEPLOYER, "namespace": "travel"}],
        },
    }


def app(namespace: str, host: str) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "host": host,
        "gateway": "public",
        "service": {"port": 8080},
        "mcp": {},
        "cors": {"origins": ["https://chatgpt.com"]},
        "auth": {"issuers": [{"issuer": ISSUER}]},
        "versions": {"v1": {}, "v2": {}},
        "rollout": {"stable": "v1", "canary": {"version": "v2", "percent": 10}},
    }


APPS = {
    "billing": {"invoices": app("billing", "invoices.billing.example.com")},
    "travel": {"trips": app("travel", "travel.example.com")},
}


@dataclass(frozen=True, slots=True)
class Team:
    """One team: its stack file, its kubeconfig."""

    name: str
    lab: RunningLab
    directory: Path
    kubeconfig: Path
    settings: Mapping[str, Any]

    @property
    def stack(self) -> str:
        return f"b56-{self.name}"

    def file(self, **changes: Any) -> Path:
        """Its stack file, with other settings in place of some."""
        config = {f"chatgpt-mesh:{name}": value for name, value in {**self.settings, **changes}.items()}
        path = self.directory / f"Pulumi.{self.stack}.yaml"
        path.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
        return path

    def declared(self) -> Settings:
        return load_stack(self.file())

    def pulumi(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Pulumi's command line with the team's account; both streams are in `stdout`."""
        command = ["pulumi", *arguments, "--stack", self.stack, "--config-file", str(self.file(**changes))]
        return subprocess.run(
            [*command, "--non-interactive", "--color=never"],
            cwd=CHECKOUT,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )

    def up(self, **changes: Any) -> str:
        done = self.pulumi("up", "--yes", "--skip-preview", **changes)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl with the team's account."""
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )


def _kubeconfig(lab: RunningLab, team: str, path: Path) -> Path:
    """Of the team's service account, which the platform has bound in its namespace."""
    lab.core.create_namespaced_service_account(team, {"metadata": {"name": DEPLOYER}})
    request = {"spec": {"expirationSeconds": 3600}}
    token = lab.core.create_namespaced_service_account_token(DEPLOYER, team, request).status.token
    config = yaml.safe_load(lab.kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@contextlib.contextmanager
def platform_and_teams(lab: RunningLab, directory: Path) -> Iterator[dict[str, Team]]:
    """The platform's stack with grants, and two teams' stacks on it. At the end the platform is as it was."""
    done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=lab.stack_with({"grants": grants(lab)}, directory))
    assert done.returncode == 0, done.stdout
    teams: dict[str, Team] = {}
    # The engine writes a stack file where it makes a stack, so that is not the checkout.
    project = directory / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: chatgpt-mesh\nruntime: python\n", encoding="utf-8")
    try:
        outputs = directory / "outputs.json"
        outputs.write_text(lab.pulumi("stack", "output", "--json").stdout, encoding="utf-8")
        for name in APPS:
            settings: dict[str, Any] = {
                "granted_by": {"stack": PLATFORM, "team": name, "outputs": str(outputs)},
                "cluster": {"kind": "existing", "context": "lab"},
                "apps": copy.deepcopy(APPS[name]),
            }
            teams[name] = Team(name, lab, directory, _kubeconfig(lab, name, directory / f"{name}.kubeconfig"), settings)
            _stacks("init", teams[name].stack, project)
        _in_force(teams["billing"])
        with certified(lab):
            for team in teams.values():
                team.up()
                _deploy(team)
            for team in teams.values():
                ready = team.kubectl(
                    "wait",
                    "deployments",
                    "--all",
                    "--for=condition=Available",
                    f"--namespace={team.name}",
                    "--timeout=90s",
                )
                assert ready.returncode == 0, ready.stderr
            yield teams
    finally:
        for team in teams.values():
            team.pulumi("destroy", "--yes", "--skip-preview")
            _stacks("rm", team.stack, project, "--yes", "--force")
        done = lab.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout


def _stacks(verb: str, name: str, project: Path, *options: str) -> None:
    command = ["pulumi", "stack", verb, name, *options, "--non-interactive", "--cwd", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _deploy(team: Team) -> None:
    """The pods of its apps, by its own hand."""
    objects = declared_apps.workloads(team.declared().apps.values(), image=WORKLOAD_IMAGE, digest="b56")
    text = yaml.safe_dump_all(list(objects), sort_keys=False)
    done = team.kubectl("apply", "--server-side", "--filename=-", stdin=text)
    assert done.returncode == 0, done.stderr


def _in_force(team: Team) -> None:
    """Until the API server judges by the policy: it takes a new one up within seconds."""
    stray = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "stray", "namespace": team.name},
        "spec": {"host": "stray.travel.svc.cluster.local"},
    }
    refused = ("create", "--dry-run=server", "--filename=-")
    eventually(
        lambda: team.kubectl(*refused, stdin=json.dumps(stray)).returncode != 0,
        within=30,
        what="the admission policy is in force",
    )


@contextlib.contextmanager
def held_team(lab: RunningLab, directory: Path) -> Iterator[Team]:
    """The team billing as its grant holds it, beside a namespace of another, without pods and without Pulumi."""
    name = "billing"
    grant = GrantSpec.model_validate({**grants(lab)[name], "issuers": []}).named(name)
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in APPS]
    held = [*manifests(name, grant, ["istio-ingress"], ["istio-ingress/public"])]
    text = yaml.safe_dump_all([*made, *_there_before()], sort_keys=False)
    kubectl(lab, "apply", "--filename=-", stdin=text)
    try:
        kubectl(lab, "apply", "--filename=-", stdin=yaml.safe_dump_all(held, sort_keys=False))
        team = Team(name, lab, directory, _kubeconfig(lab, name, directory / f"{name}.kubeconfig"), {})
        _in_force(team)
        yield team
    finally:
        alone = [one for one in held if "namespace" not in one["metadata"]]
        for documents in (alone, made):
            text = yaml.safe_dump_all(documents, sort_keys=False)
            kubectl(lab, "delete", "--ignore-not-found", "--filename=-", stdin=text)


@contextlib.contextmanager
def without(lab: RunningLab, kind: str, name: str) -> Iterator[None]:
    """The cluster without one of its objects that belong to no namespace."""
    before = json.loads(kubectl(lab, "get", kind, name, "--output=json"))
    kept = {
        "apiVersion": before["apiVersion"],
        "kind": before["kind"],
        "metadata": {"name": name},
        "spec": before["spec"],
    }
    kubectl(lab, "delete", kind, name)
    try:
        yield
    finally:
        kubectl(lab, "apply", "--filename=-", stdin=json.dumps(kept))


def _there_before() -> Iterator[dict[str, Any]]:
    """A route of each team, and the platform's denial."""
    for namespace, apps in APPS.items():
        for name, one in apps.items():
            to = {"destination": {"host": f"{name}.{namespace}.svc.cluster.local"}}
            spec = {
                "hosts": [one["host"]],
                "gateways": ["istio-ingress/public"],
                "exportTo": ["istio-ingress"],
                "http": [{"route": [to]}],
            }
            metadata = {"name": name, "namespace": namespace}
            yield {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}
    metadata = {"name": "allow-nothing", "namespace": "billing"}
    yield {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": metadata, "spec": {}}
