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

from chatgpt_mesh.mesh.specs.certificate_issuers import LETS_ENCRYPT
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack.settings import Settings, load_stack
from lab import environment, processes
from lab.failure import LabError, Terminated, WrongUseError
from lab.state import CHECKOUT, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.mesh.specs.auth import IssuerSpec
    from chatgpt_mesh.mesh.specs.certificate_issuers import CertificateIssuerSpec
    from lab.toolchain import Toolchain

STACK = "lab"
STACK_FILE = CHECKOUT / "Pulumi.lab.yaml"
CERTIFICATES_FILE = "config/one-machine-certificates.yaml"
DOMAIN, ZONE = "example.com", "example-com"
"""The one domain for which the lab has a DNS server, and the name of its zone in Cloud DNS."""
_SETTINGS = "chatgpt-mesh:"


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


def declaration_of(mesh: str) -> Settings:
    """What an environment declares, its parents included.

    Raises:
        LabError: its mistakes.
    """
    path = CHECKOUT / f"Pulumi.{mesh}.yaml"
    try:
        return load_stack(path)
    except InvalidConfig as error:
        raise LabError(f"{path.name} declares no mesh: {error}") from error


def issues_certificates(declared: Settings) -> bool:
    """Whether cert-manager fills every Secret that it is asked for from what the lab has: the CA that Let's Encrypt is
    here, and one zone."""
    asked = [
        (listener.hosts, listener.tls.cert_manager)
        for gateway in declared.gateways.values()
        for listener in gateway.listeners.values()
        if listener.tls is not None and listener.tls.cert_manager is not None
    ]
    if declared.cert_manager is None or not declared.cert_manager.install or not asked:
        return False
    issuers = [declared.certificate_issuers.get(certificate.issuer) for _, certificate in asked]
    hosts = [host for names, _ in asked for host in names]
    return all(_is_lets_encrypt(issuer) for issuer in issuers) and all(host.endswith(f".{DOMAIN}") for host in hosts)


def _is_lets_encrypt(issuer: CertificateIssuerSpec | None) -> bool:
    acme = None if issuer is None else issuer.acme
    if acme is None or acme.server != LETS_ENCRYPT or acme.dns01 is None:
        return False
    return acme.dns01.cloud_dns.zone in (None, ZONE)


def lab_stack(own: Mapping[str, Any], parent: str, declared: Settings, *, context: str | None = None) -> dict[str, Any]:
    """The lab's stack file on another environment, or on another cluster.

    Args:
        own: ``Pulumi.lab.yaml``.
        parent: Name of the environment whose mesh is run.
        declared: What that environment declares, its parents included: its gateways get one machine's size, and its
            apps the keys of the lab's issuer, under whatever name they know theirs. Its certificates are requested
            where the lab can issue them.
        context: Context of a kubeconfig when the cluster is not the lab's own; then the proxies are Istio's, from its
            registry, and nothing that an upstream Envoy lacks is switched off.
    """
    stack = copy.deepcopy(dict(own))
    settings = stack["config"]
    issued = context is None and issues_certificates(declared)
    settings[f"{_SETTINGS}extends"] = [f"Pulumi.{parent}.yaml", *([CERTIFICATES_FILE] if issued else [])]
    if not issued:
        settings |= {f"{_SETTINGS}cert_manager": None, f"{_SETTINGS}certificate_issuers": None}
    settings[f"{_SETTINGS}gateways"] = _gateways(declared, settings[f"{_SETTINGS}gateways"], issued=issued)
    settings[f"{_SETTINGS}apps"] = _apps(declared)
    if context is not None:
        settings[f"{_SETTINGS}cluster"] = {**settings[f"{_SETTINGS}cluster"], "context": context}
        istio = settings.get(f"{_SETTINGS}istio", {})
        istio.pop("images", None)
        istio.get("control_plane", {}).pop("environment", None)
    return stack


def _gateways(declared: Settings, own: Mapping[str, Any], *, issued: bool) -> dict[str, Any]:
    """One small pod each, behind a cluster address; with certificates that the lab makes itself where cert-manager
    cannot have them issued."""
    workload = next(iter(own.values()))["workload"]
    found: dict[str, Any] = {}
    for name, gateway in declared.gateways.items():
        if gateway.existing is None:
            asked = [
                listener
                for listener, told in gateway.listeners.items()
                if told.tls is not None and told.tls.cert_manager
            ]
            listeners = {listener: {"tls": {"cert_manager": None}} for listener in asked if not issued}
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
        code = self._attached([*command, *quiet, *self._config_file()])
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
        declared = declaration_of(self._mesh)
        text = yaml.safe_dump(lab_stack(own, self._mesh, declared, context=context), sort_keys=False)
        self.file.write_text(
            f"# Made from {STACK_FILE.name} by `python -m lab up --mesh {self._mesh}`.\n{text}", encoding="utf-8"
        )

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

    def _attached(self, arguments: Sequence[str]) -> int:
        """Run with the terminal; an interrupted engine ends in order before this does."""
        child = subprocess.Popen([self._pulumi, *arguments], cwd=CHECKOUT, env=self._environment)
        try:
            return child.wait()
        except KeyboardInterrupt as interrupt:
            # Ctrl-C in a terminal reaches the engine too, and a second one would make it drop everything
            if isinstance(interrupt, Terminated) or not sys.stdin.isatty():
                child.send_signal(signal.SIGINT)
            child.wait()
            raise
