"""The lab stack under Pulumi's engine: its stack file, its backend below the state directory, ``pulumi up``.

The engine is run by its own command line in the checkout, with its own progress on the screen: what a person types
after ``eval "$(python -m lab env)"`` is what ``python -m lab up`` runs.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import stack_files
from chatgpt_mesh.stack.settings import Settings, load_stack
from lab import environment, processes
from lab.failure import LabError, Terminated, WrongUseError
from lab.state import CHECKOUT, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.mesh.specs.auth import IssuerSpec
    from lab.toolchain import Toolchain

STACK = "lab"
STACK_FILE = CHECKOUT / "Pulumi.lab.yaml"
CERTIFICATES_FILE = "config/one-machine-certificates.yaml"
_SETTINGS = "chatgpt-mesh:"

SKIP_CHECKPOINTS = "PULUMI_SKIP_CHECKPOINTS"
"""The engine writes its state once, at the end of a deploy: https://www.pulumi.com/docs/iac/cli/environment-variables/."""
TAKE_OVER = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"
"""Objects that the stack declares and does not know are its own (docs/deploy.md)."""


def available_stacks(checkout: Path = CHECKOUT) -> list[str]:
    """Environments whose mesh the lab can run: every stack file but the lab's own."""
    names = (path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in checkout.glob("Pulumi.*.yaml"))
    return sorted(name for name in names if name != STACK)


def require_stack(name: str) -> None:
    """Raise WrongUseError, naming what there is, unless a stack file of that name exists."""
    if name not in available_stacks():
        raise WrongUseError(
            f"There is no stack {name}: no file Pulumi.{name}.yaml in {CHECKOUT}. There are: "
            f"{', '.join(available_stacks())}."
        )


def requests_certificates(name: str) -> bool:
    """Whether an environment installs cert-manager and declares all its issuers, so that the lab can do the same."""
    values = stack_files.layered({"extends": [f"Pulumi.{name}.yaml"]}, CHECKOUT).values
    installed: dict[str, Any] | None = values.get("cert_manager")
    issuers: dict[str, Any] = values.get("certificate_issuers") or {}
    declared_here = not any(issuer and issuer.get("existing") for issuer in issuers.values())
    return installed is not None and installed.get("install") is not False and declared_here


def lab_stack(own: Mapping[str, Any], parent: str, declared: Settings, *, context: str | None = None) -> dict[str, Any]:
    """The lab's stack file on another environment, or on another cluster.

    Args:
        own: ``Pulumi.lab.yaml``.
        parent: Name of the environment whose mesh is run.
        declared: What that environment declares, its parents included: its gateways get one machine's size, and its
            apps the keys of the lab's issuer, under whatever name they know theirs.
        context: Context of a kubeconfig when the cluster is not the lab's own; then the proxies are Istio's, from its
            registry, and nothing that an upstream Envoy lacks is switched off.
    """
    stack = copy.deepcopy(dict(own))
    settings = stack["config"]
    certified = context is None and requests_certificates(parent)
    settings[f"{_SETTINGS}extends"] = [f"Pulumi.{parent}.yaml", *([CERTIFICATES_FILE] if certified else ())]
    settings[f"{_SETTINGS}gateways"] = _gateways(declared, settings[f"{_SETTINGS}gateways"], certified=certified)
    settings[f"{_SETTINGS}apps"] = _apps(declared)
    if not certified and declared.cert_manager is not None:
        # No CA sees this cluster, or somebody else's cert-manager is not on it: the lab writes the Secrets itself.
        settings |= {f"{_SETTINGS}cert_manager": None, f"{_SETTINGS}certificate_issuers": None}
    if context is not None:
        settings[f"{_SETTINGS}cluster"] = {**settings[f"{_SETTINGS}cluster"], "context": context}
        istio = settings.get(f"{_SETTINGS}istio", {})
        istio.pop("images", None)
        istio.get("control_plane", {}).pop("environment", None)
    return stack


def _gateways(declared: Settings, own: Mapping[str, Any], *, certified: bool) -> dict[str, Any]:
    """One small pod each, behind a cluster address; unless cert-manager is there, the lab makes its certificates."""
    workload = next(iter(own.values()))["workload"]
    found: dict[str, Any] = {}
    for name, gateway in declared.gateways.items():
        if gateway.existing is None:
            issued = [
                listener
                for listener, told in gateway.listeners.items()
                if not certified and told.tls is not None and told.tls.cert_manager
            ]
            listeners = {listener: {"tls": {"cert_manager": None}} for listener in issued}
            found[name] = {**({"listeners": listeners} if listeners else {}), "workload": copy.deepcopy(workload)}
    return found


def _apps(declared: Settings) -> dict[str, Any]:
    return {
        name: {"auth": {"issuers": [_with_the_labs_keys(issuer) for issuer in app.auth.issuers]}}
        for name, app in declared.apps.items()
        if app.auth is not None
    }


def _with_the_labs_keys(issuer: IssuerSpec) -> dict[str, Any]:
    kept = issuer.model_dump(mode="json", exclude={"jwks", "jwks_uri"}, exclude_unset=True)
    return {**kept, "jwks_file": "$LAB_STATE/issuer/jwks.json"}


def knows_nothing(backend: Path) -> bool:
    """Whether the state of the lab's stack has no object: nothing was deployed, or nothing was written of what was."""
    states = (backend / ".pulumi" / "stacks").rglob(f"{STACK}.json")
    latest = [json.loads(one.read_text(encoding="utf-8"))["checkpoint"].get("latest") for one in states]
    return not any(one and one.get("resources") for one in latest)


class Stack:
    """The lab stack of one state directory."""

    def __init__(self, state: State, toolchain: Toolchain, mesh: str) -> None:
        self._state = state
        self._mesh = mesh
        self._environment = {**os.environ, **environment.variables(state, toolchain)}
        self._pulumi = str(toolchain.path("pulumi"))

    @property
    def file(self) -> Path:
        """The stack file that is deployed: the checkout's, or one made of it in the state directory."""
        if self._mesh == "staging" and not os.environ.get("LAB_KUBECONFIG"):
            return STACK_FILE
        return self._state.config / f"Pulumi.lab-{self._mesh}.yaml"

    def up(self) -> None:
        """Deploy the stack, with the engine's progress on the screen.

        Raises:
            LabError: the engine said no; its own sentences are on the screen already.
        """
        self._write_file()
        self._drop_dead_locks()
        self._create(STACK, self.file)
        # One object that somebody else holds on to keeps nobody from the rest.
        command = ["up", "--stack", STACK, "--yes", "--skip-preview", "--continue-on-error"]
        quiet = ["--suppress-outputs", "--suppress-permalink=true"]
        code = self._deployed([*command, *quiet, *self._config_file()])
        if code != 0:
            raise LabError(
                f"`pulumi {' '.join(command)}` ended with {code}; the engine says why above. "
                "What it has made stays: mend the cause and run the same command again, or `python -m lab down`."
            )

    def destroy(self) -> None:
        """Delete what the stack has made.

        Raises:
            LabError: the engine said no.
        """
        self._drop_dead_locks()
        code = self._attached(["destroy", "--stack", STACK, "--yes", "--skip-preview", *self._config_file()])
        if code != 0:
            raise LabError(f"`pulumi destroy --stack {STACK}` ended with {code}; the engine says why above.")

    def preview(self, name: str) -> int:
        """Show what another stack would register; the exit code is the engine's."""
        config_file = self._create(name, CHECKOUT / f"Pulumi.{name}.yaml")
        return self._attached(
            ["preview", "--stack", name, "--suppress-permalink=true", "--config-file", str(config_file)]
        )

    def _create(self, name: str, file: Path) -> Path:
        """Create a stack in the backend unless it is there; the result is a copy of its stack file.

        The engine creates a stack in a project of the same name below the state directory: it writes the salt of its
        passphrase into the stack file that it finds, and reformats it.
        """
        project = self._state.root / "pulumi" / "project"
        project.mkdir(parents=True, exist_ok=True)
        copied = project / f"Pulumi.{name}.yaml"
        copied.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        declared = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))
        (project / "Pulumi.yaml").write_text(f"name: {declared['name']}\nruntime: python\n", encoding="utf-8")
        self._run(["stack", "select", name, "--create", "--cwd", str(project)], quiet=True)
        return copied

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return json.loads(self._run(["stack", "output", "--stack", STACK, "--json"], quiet=True))

    def _config_file(self) -> list[str]:
        return [] if self.file == STACK_FILE else ["--config-file", str(self.file)]

    def _write_file(self) -> None:
        if self.file == STACK_FILE:
            return
        own = yaml.safe_load(STACK_FILE.read_text(encoding="utf-8"))
        external = os.environ.get("LAB_KUBECONFIG")
        context = None
        if external:
            context = yaml.safe_load(Path(external).expanduser().read_text(encoding="utf-8"))["current-context"]
        declared = self._parent()
        text = yaml.safe_dump(lab_stack(own, self._mesh, declared, context=context), sort_keys=False)
        self.file.write_text(
            f"# Made from {STACK_FILE.name} by `python -m lab up --mesh {self._mesh}`.\n{text}", encoding="utf-8"
        )

    def _parent(self) -> Settings:
        path = CHECKOUT / f"Pulumi.{self._mesh}.yaml"
        try:
            return load_stack(path)
        except InvalidConfig as error:
            raise LabError(f"{path.name} declares no mesh: {error}") from error

    def _drop_dead_locks(self) -> None:
        """Forget the engine's lock of a run that was killed; the lock of a living one stays, and the engine says so."""
        for lock in (self._state.pulumi_backend / ".pulumi" / "locks").rglob("*.json"):
            pid = json.loads(lock.read_text(encoding="utf-8") or "{}").get("pid")
            if not isinstance(pid, int) or processes.start_time(pid) is None:
                lock.unlink()

    def _run(self, arguments: Sequence[str], *, quiet: bool) -> str:
        done = subprocess.run(
            [self._pulumi, *arguments, "--non-interactive"],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=quiet,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(
                f"`pulumi {' '.join(arguments)}` failed: {(done.stderr or done.stdout or '').strip()[-800:]}"
            )
        return done.stdout or ""

    def _deployed(self, arguments: Sequence[str]) -> int:
        """Run an `up`; the first on the lab's own cluster writes its state once.

        The engine would write its whole state before and after each object, half the time that this takes. Who kills
        it leaves objects of which the state then says nothing: the next one takes them over, and deploys once more
        without, since the provider remembers that it was told to.
        """
        begun = self._state.first_deploy_begun
        if not knows_nothing(self._state.pulumi_backend) or os.environ.get("LAB_KUBECONFIG"):
            begun.unlink(missing_ok=True)
            return self._attached(arguments)
        left_over = begun.exists()
        begun.touch()
        code = self._attached(arguments, {SKIP_CHECKPOINTS: "true", **({TAKE_OVER: "true"} if left_over else {})})
        if code == 0 and left_over:
            code = self._attached(arguments)
        if code == 0:
            begun.unlink()
        return code

    def _attached(self, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> int:
        """Run with the terminal; an interrupted engine ends in order before this does."""
        environment = {**self._environment, **(variables or {})}
        child = subprocess.Popen([self._pulumi, *arguments], cwd=CHECKOUT, env=environment)
        try:
            return child.wait()
        except KeyboardInterrupt as interrupt:
            # Ctrl-C in a terminal reaches the engine too, and a second one would make it drop everything
            if isinstance(interrupt, Terminated) or not sys.stdin.isatty():
                child.send_signal(signal.SIGINT)
            child.wait()
            raise
