"""What a shell needs to work with the lab: ``eval "$(python -m lab env)"``."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.state import CHECKOUT, State
from lab.toolchain import DEPLOY_FAMILIES, FAMILIES, Toolchain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

STANDINS = CHECKOUT / "lab" / "plugins" / "bin"
"""Stand-ins for Pulumi's plugins, one executable per plugin."""

PASSPHRASE = "lab"  # noqa: S105 # the state is on this machine, readable by root alone, and holds nothing but the lab
"""Encrypts secrets in the lab stack's state."""


def kubeconfig(state: State) -> Path:
    """The kubeconfig in use: LAB_KUBECONFIG when it is set, else the lab's own."""
    chosen = os.environ.get("LAB_KUBECONFIG")
    return Path(chosen).expanduser().absolute() if chosen else state.kubeconfig


def variables(state: State, toolchain: Toolchain) -> dict[str, str]:
    """The environment in which ``kubectl``, ``helm``, ``istioctl`` and ``pulumi`` work on the lab."""
    path = [str(Path(sys.executable).parent), str(state.bin), os.environ.get("PATH", os.defpath)]
    return {
        "PATH": os.pathsep.join(path),
        "KUBECONFIG": str(kubeconfig(state)),
        "LAB_STATE": str(state.root),
        "ISTIO_CHARTS": str(toolchain.istio_charts),
        "CERT_MANAGER_CHART": str(toolchain.cert_manager_chart),
        "PULUMI_HOME": str(state.pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{state.pulumi_backend}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def exports(values: Mapping[str, str]) -> str:
    """The variables as lines that a POSIX shell evaluates."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def link_commands(state: State, toolchain: Toolchain, always: Collection[str] = ()) -> None:
    """Put the tools, and a stand-in for each Pulumi plugin that is not installed, into the lab's ``bin``.

    Args:
        state: Whose ``bin``.
        toolchain: Where the tools are.
        always: Plugins whose stand-in is taken although Pulumi's own is installed; the engine takes what is on PATH
            before what is in its plugin directory.
    """
    state.bin.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Path] = {}
    for family in DEPLOY_FAMILIES:
        for tool in FAMILIES[family]:
            found = toolchain.find(tool.name)
            if found:
                wanted[tool.name] = found
    wanted.update(
        {
            standin.name: standin
            for standin in sorted(STANDINS.glob("pulumi-*"))
            if standin.name in always or not plugin_installed(standin.name, state)
        }
    )
    for present in state.bin.iterdir():
        if present.name not in wanted:
            present.unlink()
    for name, target in wanted.items():
        link = state.bin / name
        if not link.is_symlink() or Path(os.readlink(link)) != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    _share_installed_plugins(state)
    _keep_no_log_of_every_property(state)


def use_installed_plugins(state: State) -> None:
    """Take away the stand-ins of plugins that have been installed since the lab was brought up."""
    if not state.bin.is_dir() or not os.access(state.bin, os.W_OK):
        return
    for standin in STANDINS.glob("pulumi-*"):
        if plugin_installed(standin.name, state):
            (state.bin / standin.name).unlink(missing_ok=True)
    _share_installed_plugins(state)


def plugin_installed(name: str, state: State) -> bool:
    """Whether Pulumi's own ``pulumi-resource-kubernetes`` (say) is on PATH or in the user's plugin directory."""
    found = shutil.which(name)
    if found and state.bin not in Path(found).parents and STANDINS not in Path(found).resolve().parents:
        return True
    kind, _, rest = name.removeprefix("pulumi-").partition("-")
    return any(_plugin_directory().glob(f"{kind}-{rest}-v*"))


def _plugin_directory() -> Path:
    """Where ``pulumi plugin install`` puts plugins for this user."""
    return Path("~/.pulumi/plugins").expanduser()


def _share_installed_plugins(state: State) -> None:
    """The lab has a Pulumi home of its own, so that its workspace is not the user's; plugins are the user's."""
    link = state.pulumi_home / "plugins"
    if _plugin_directory().is_dir() and not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(_plugin_directory())


def _keep_no_log_of_every_property(state: State) -> None:
    """The engine writes a log of every property it sees, which takes half of a command's CPU, and has no switch for it.

    Where `logs` is no directory it does without and says nothing.
    """
    logs = state.pulumi_home / "logs"
    if not logs.exists():
        logs.parent.mkdir(parents=True, exist_ok=True)
        logs.touch()
