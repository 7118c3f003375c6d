"""Takes away what a lab leaves on the machine: containers, processes, mounts, interfaces, iptables rules, cgroups,
leases.

It works from what the machine shows now, not from what an earlier run has remembered, so that it also cleans up after a
killed containerd, a killed ``up`` or a power cut. Each kind of thing has its own sign that it is the lab's: the mark
in a process's environment, the path below the state directory, the bridge, the lab's cgroup, the name of its CNI
network.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab import cgroups, network
from lab.debian import command
from lab.failure import LabError
from lab.processes import Processes, end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.state import State

_MNT_DETACH = 2
_KUBE_CHAIN = re.compile(r"^(KUBE-[A-Z0-9-]+)$")
_TABLES = ("raw", "mangle", "nat", "filter")


def _end_pod_processes() -> None:
    """End everything in the lab's cgroups."""
    for _ in range(5):  # a process can fork while it is being counted
        remaining = cgroups.processes() - {os.getpid()}
        if not remaining:
            return
        end(sorted(remaining), 1.0)


def shims(state: State) -> Iterator[int]:
    """containerd-shim processes whose containerd is this lab's."""
    socket = str(state.containerd).encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in argv[0] and any(argument.startswith(socket) for argument in argv[1:]):
                yield int(entry.name)


def mounts_below(root: Path, mountinfo: str) -> list[str]:
    """Mount points at or below a directory, the deepest first, from the text of /proc/self/mountinfo."""
    points: list[str] = []
    for line in mountinfo.splitlines():
        # octal escapes (space is \040) as in fstab
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), line.split()[4])
        if point == str(root) or point.startswith(f"{root}/"):
            points.append(point)
    return sorted(points, key=lambda point: point.count("/"), reverse=True)


def unmount(state: State) -> None:
    """Detach every mount below the state directory: overlays, volumes, network namespaces."""
    libc = ctypes.CDLL(None, use_errno=True)
    points = mounts_below(state.root, _mountinfo())
    for _ in range(5):  # mounts can be stacked on one another
        if not points:
            return
        for point in points:
            libc.umount2(os.fsencode(point), _MNT_DETACH)
        points = mounts_below(state.root, _mountinfo())
    raise LabError(f"Mounts below {state.root} cannot be detached: {', '.join(points[:5])}; see `findmnt`.")


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def rules_without_the_lab(saved: str) -> str:
    """What to give to ``iptables-restore --noflush`` so that the lab's chains and the jumps to them go.

    Args:
        saved: Output of ``iptables-save``.

    The lab's chains are kube-proxy's and the kubelet's (``KUBE-*``) and those of its own CNI network (``CNI-*`` chains
    whose rules carry the network's name in their comment, and the host-port chains of the portmap plugin once they are
    empty).
    """
    script: list[str] = []
    table, chains, rules = "", list[str](), list[str]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains, rules = line[1:], [], []
        elif line.startswith(":"):
            chains.append(line[1:].split()[0])
        elif line.startswith("-A "):
            rules.append(line)
        elif line == "COMMIT":
            doomed = _doomed_chains(chains, rules)
            removals = [
                f"-D {rule[3:]}"
                for rule in rules
                if rule.split()[1] not in doomed and doomed.intersection(rule.split())
            ]
            if doomed:
                script += [
                    f"*{table}",
                    *removals,
                    *(f"-F {chain}" for chain in sorted(doomed)),
                    *(f"-X {chain}" for chain in sorted(doomed)),
                    "COMMIT",
                ]
    return "\n".join([*script, ""]) if script else ""


def _doomed_chains(chains: Iterable[str], rules: Iterable[str]) -> set[str]:
    present = set(chains)
    doomed = {chain for chain in present if _KUBE_CHAIN.match(chain)}
    of_network = [
        rule for rule in rules if f'name: \\"{network.CNI_NETWORK}\\"' in rule or f'"{network.CNI_NETWORK}"' in rule
    ]
    doomed |= {word for rule in of_network for word in rule.split() if word.startswith("CNI-") and word in present}
    # host-port chains are shared by all CNI networks: they go when nothing but the lab uses them
    shared = {chain for chain in present if chain.startswith("CNI-HOSTPORT-")}
    foreign = [
        rule
        for rule in rules
        if rule.split()[1] in shared
        and rule not in of_network
        and not rule.split()[1].startswith(("CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"))
    ]
    return doomed if foreign else doomed | shared


def remove_rules() -> None:
    """Take the lab's iptables rules away, in both the IPv4 and the IPv6 tables."""
    for family in ("iptables", "ip6tables"):
        saved = subprocess.run([command(f"{family}-save")], capture_output=True, text=True, check=False).stdout
        script = rules_without_the_lab(saved)
        if not script:
            continue
        done = subprocess.run(
            [command(f"{family}-restore"), "--noflush"], input=script, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LabError(
                f"{family}-restore could not take the lab's rules away: {done.stderr.strip()[-400:]}. See "
                f"`{family}-save | grep -e KUBE- -e CNI-`."
            )


def remove_leases(state: State) -> None:
    """Forget the pods' addresses; for when no pod runs."""
    shutil.rmtree(state.cni / "leases", ignore_errors=True)


def sweep(state: State) -> None:
    """Take everything away that runs or is attached; the files of the state directory stay.

    The order matters: what starts things goes before what it has started. What carries no state directory's name
    (bridge, chains, control groups) stays when another cluster runs on this machine.
    """
    processes = Processes(state)
    alone = not network.foreign_listeners(processes.own_pids())
    processes.stop_all(order=("kubelet", "kube-proxy"))
    end([pid for pid, _ in processes.strays()], 5.0)
    # the shim reaps its container; while it lives, containers end in order
    end(list(shims(state)), 2.0)
    if alone:
        _end_pod_processes()
    unmount(state)
    if alone:
        network.remove_bridge()
        remove_rules()
        cgroups.remove()
        network.restore_sysctls(state)
    remove_leases(state)


def remains(state: State) -> list[str]:
    """What of the lab is still on the machine, in words; empty after a complete ``down``."""
    processes = Processes(state)
    found = [f"process {record.name} (pid {record.pid})" for record in processes.records()]
    found += [f"process {name} (pid {pid})" for pid, name in processes.strays()]
    found += [f"containerd shim (pid {pid})" for pid in shims(state)]
    found += [f"mount {point}" for point in mounts_below(state.root, _mountinfo())]
    if network.foreign_listeners(processes.own_pids()):
        return found
    found += [f"process in the lab's cgroup (pid {pid})" for pid in sorted(cgroups.processes())]
    found += [f"interface {network.BRIDGE}"] if Path(f"/sys/class/net/{network.BRIDGE}").exists() else []
    found += [f"cgroup {root}" for root in cgroups.roots() if root.exists()]
    for family in ("iptables", "ip6tables"):
        saved = subprocess.run([command(f"{family}-save")], capture_output=True, text=True, check=False).stdout
        found += [f"{family} rules"] if rules_without_the_lab(saved) else []
    return found
