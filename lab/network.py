"""The lab's addresses: one bridge that is both the pods' network and the node's own address.

Nothing leaves the machine: the node's address is the bridge's own, so that every address of the cluster is local.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.debian import SYSTEM_PATH, command
from lab.failure import LabError
from lab.processes import lab_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.state import State

BRIDGE = "labbr0"
NODE_NAME = "lab"
NODE_ADDRESS = "10.244.0.1"
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.0.0.0/24"
API_SERVICE_ADDRESS = "10.0.0.1"
DNS_ADDRESS = "10.0.0.10"
CNI_NETWORK = "chatgpt-mesh-lab"

API_SERVER_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380

PORTS: Mapping[int, str] = {
    API_SERVER_PORT: "kube-apiserver",
    ETCD_PORT: "etcd",
    ETCD_PEER_PORT: "etcd",
    10250: "kubelet",
    10248: "kubelet",
    10257: "kube-controller-manager",
    10259: "kube-scheduler",
    10249: "kube-proxy",
    10256: "kube-proxy",
}
"""TCP ports that the cluster's processes listen on, on this machine."""

_SYSCTLS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
"""Forwarding between pods and services; without bridge-nf-call-iptables a pod that calls a Service whose endpoint is
on the same bridge gets the answer from the wrong address."""


def accepts(address: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Listener:
    """A process that holds a TCP port; ``pid`` is 0 when the kernel does not tell."""

    port: int
    pid: int
    program: str


def ip(*arguments: str, check: bool = True) -> str:
    """Run iproute2's ``ip``."""
    done = subprocess.run([command("ip"), *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise LabError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}.")
    return done.stdout


def parse_listeners(text: str) -> list[Listener]:
    """The listening sockets in what ``ss -Hltnp`` prints."""
    found: list[Listener] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4:
            continue
        port = int(fields[3].rsplit(":", 1)[1])
        user = re.search(r'\("([^"]+)",pid=(\d+)', line)
        found.append(Listener(port, int(user.group(2)) if user else 0, user.group(1) if user else "an unknown process"))
    return found


def listeners() -> list[Listener]:
    """All listening TCP sockets of this machine's own network namespace."""
    return parse_listeners(subprocess.run([command("ss"), "-Hltnp"], capture_output=True, text=True, check=True).stdout)


def foreign_listeners(own_pids: set[int]) -> list[Listener]:
    """Who else holds a port of the cluster's processes: another lab, or a node of another Kubernetes.

    Interfaces, iptables chains and control groups do not tell whose they are: they belong to such a process.
    """
    return [listener for listener in listeners() if listener.port in PORTS and listener.pid not in own_pids]


def require_ports(own_pids: set[int]) -> None:
    """Raise a LabError that names who holds a port the cluster needs, unless it is one of ``own_pids``."""
    taken = foreign_listeners(own_pids)
    if taken:
        each = "; ".join(
            f"{one.port} (for {PORTS[one.port]}) by {one.program}, pid {one.pid}"
            for one in sorted(set(taken), key=lambda one: one.port)
        )
        labs = sorted({root for one in taken if (root := lab_of(one.pid))})
        if labs:
            way_out = (
                f"They are of the lab in {labs[0]}: use that one, or end it (`LAB_STATE={labs[0]} python -m lab down`)."
            )
        else:
            way_out = "End those processes, then run this again."
        raise LabError(f"Ports that the lab needs are taken: {each}. {way_out}")


def require_networks_free() -> None:
    """Raise a LabError when this machine already routes one of the cluster's networks somewhere else."""
    for route in json.loads(ip("-json", "route", "show", "table", "all")):
        destination, device = str(route.get("dst", "default")), str(route.get("dev", "?"))
        if destination == "default" or device in (BRIDGE, "lo") or ":" in destination:
            continue
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(destination, strict=False)
            for name, ours in (("pods", POD_NETWORK), ("Services", SERVICE_NETWORK)):
                if network.overlaps(ipaddress.ip_network(ours)):
                    raise LabError(
                        f"{ours}, which the lab gives to {name}, is in use on this machine: route {destination} "
                        f"through {device}. "
                        f"Take that route away (`ip route show {destination}`), or run the lab on another machine or "
                        "in a network namespace."
                    )


def create_bridge(state: State) -> None:
    """Create the bridge with the node's address; nothing changes when it is there already.

    Raises:
        LabError: the address would be routed away from this machine, or the kernel lacks bridges.
    """
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        require_networks_free()
        ip("link", "add", BRIDGE, "type", "bridge")
    addresses = json.loads(ip("-json", "address", "show", "dev", BRIDGE))
    if not any(info["local"] == NODE_ADDRESS for link in addresses for info in link["addr_info"]):
        ip("address", "add", f"{NODE_ADDRESS}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    # an address that is not this machine's own is somebody else's: never start anything on it
    if json.loads(ip("-json", "route", "get", NODE_ADDRESS))[0].get("type") != "local":
        raise LabError(
            f"{NODE_ADDRESS} is not local on this machine although {BRIDGE} has it: see `ip route get "
            f"{NODE_ADDRESS}` and `ip rule`."
        )
    _set_sysctls(state)


def _sysctl_path(name: str) -> Path:
    return Path("/proc/sys") / name


def _set_sysctls(state: State) -> None:
    saved = state.root / "sysctls.json"
    if not saved.exists():
        present = {name: _sysctl_path(name).read_text().strip() for name in _SYSCTLS if _sysctl_path(name).exists()}
        saved.write_text(json.dumps(present), encoding="utf-8")
    modprobe = shutil.which("modprobe", path=SYSTEM_PATH)
    if modprobe and not _sysctl_path("net/bridge/bridge-nf-call-iptables").exists():
        subprocess.run([modprobe, "br_netfilter"], capture_output=True, check=False)
    for name, value in _SYSCTLS.items():
        try:
            _sysctl_path(name).write_text(value)
        except OSError as error:
            raise LabError(
                f"The kernel setting {name.replace('/', '.')} cannot be set to {value}: {error.strerror}. Load the "
                "module br_netfilter, or run on a kernel that has it."
            ) from error


def restore_sysctls(state: State) -> None:
    """Set forwarding back to what it was before the lab."""
    saved = state.root / "sysctls.json"
    if saved.exists():
        for name, value in json.loads(saved.read_text(encoding="utf-8")).items():
            if _sysctl_path(name).exists():
                _sysctl_path(name).write_text(value)
        saved.unlink()


def remove_bridge() -> None:
    """Remove the bridge and every veth that is attached to it."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        return
    for port in Path(f"/sys/class/net/{BRIDGE}/brif").iterdir():
        ip("link", "delete", port.name, check=False)  # the peer may go with its namespace in the same moment
    ip("link", "delete", BRIDGE)
