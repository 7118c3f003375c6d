"""The operating system's part: container runtime, CNI plugins, iptables, a static busybox.

They come from the distribution, because a container runtime belongs to a kernel. On Debian and its derivatives, as
root, the missing ones are installed; elsewhere the lab names the files it needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.screen import Screen

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "containerd": ("containerd", "ctr"),
    "runc": ("runc",),
    "containernetworking-plugins": (
        "/usr/lib/cni/bridge",
        "/usr/lib/cni/host-local",
        "/usr/lib/cni/portmap",
        "/usr/lib/cni/loopback",
    ),
    "iptables": ("iptables", "iptables-save", "iptables-restore", "xtables-legacy-multi", "xtables-nft-multi"),
    "nftables": ("nft",),
    "busybox-static": ("busybox",),
    "iproute2": ("ip", "ss"),
    "ca-certificates": ("/etc/ssl/certs/ca-certificates.crt",),
}
"""Debian package -> what the lab takes from it: a command on PATH or a file."""

REDIS_PACKAGES: Mapping[str, tuple[str, ...]] = {"redis-tools": ("redis-check-rdb",)}
"""Redis's server is this program under another name; the package with that name would start it on this machine."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CNI_PLUGINS = Path("/usr/lib/cni")


def command(name: str) -> str:
    """Absolute path of a command of the operating system; root's PATH may lack the sbin directories."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if not found:
        raise LabError(f"The command {name} is missing. {_advice(missing_packages())}")
    return found


def missing_packages(wanted: Mapping[str, tuple[str, ...]] = PACKAGES) -> list[str]:
    """The packages of which something is missing on this machine."""

    def present(item: str) -> bool:
        return Path(item).exists() if item.startswith("/") else shutil.which(item, path=SYSTEM_PATH) is not None

    return [package for package, items in wanted.items() if not all(present(item) for item in items)]


def require_root() -> None:
    """Raise a LabError unless the process is root on Linux."""
    if not Path("/proc/self/mountinfo").exists():
        raise LabError(
            "The lab runs containers on the Linux kernel, and this machine is not Linux. Use LAB_KUBECONFIG with a "
            "cluster elsewhere."
        )
    if os.geteuid() != 0:
        raise LabError(
            "The lab needs root: it runs a kubelet, creates network namespaces and writes iptables rules. "
            "Run the same command with sudo -E, or set LAB_KUBECONFIG to use a cluster that runs elsewhere."
        )


def ensure_packages(screen: Screen, wanted: Mapping[str, tuple[str, ...]] = PACKAGES) -> None:
    """Install what is missing where apt-get is there.

    Raises:
        LabError: something is missing and cannot be installed; names the packages and the command.
    """
    missing = missing_packages(wanted)
    if not missing:
        return
    apt = shutil.which("apt-get", path=SYSTEM_PATH)
    if not apt:
        lacking = ", ".join(f"{name} ({', '.join(wanted[name])})" for name in missing)
        raise LabError(f"Missing on this machine: {lacking}. {_advice(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    with screen.step(f"Debian packages: {' '.join(missing)}"):
        # the distribution's own containerd service stays as it is: the lab starts one with its own socket and
        # directories
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            done = subprocess.run([apt, *arguments], env=environment, capture_output=True, text=True, check=False)
    if still := missing_packages(wanted):
        raise LabError(f"apt-get could not install {', '.join(still)}: {done.stderr.strip()[-600:]}. {_advice(still)}")


def _advice(missing: list[str]) -> str:
    names = " ".join(missing) or "containerd runc"
    return (
        f"On Debian or Ubuntu: `apt-get install {names}`; elsewhere install the equivalents, "
        "so that the named commands and files exist."
    )
