"""Both edges of a run: the gateway and the servers of each, and the process that holds its streams open."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lab.docker_archive import Image, Layer
from lab.images import WORKLOAD_ENVIRONMENT, WORKLOAD_USER, base_layer, interpreter_layer
from lab.runtime import Runtime
from tests.benchmarks.data_path import servers
from tests.benchmarks.data_path.declarations import APP
from tests.benchmarks.data_path.load import Call, envoy_of
from tests.benchmarks.streams import client, server
from tests.lab.running_lab import label_selector

if TYPE_CHECKING:
    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab

PERIOD_SECONDS = 5
"""From event to event of a stream."""
_IMAGE = "docker.io/chatgpt-mesh-lab/streams:lab"
_PROGRAM = "/app/server.py"
_FILES_BESIDE_STREAMS = 200
_RESIDENT = "VmRSS:"
_KIB = 1024
_ENDS_SECONDS = 30


def streaming(lab: RunningLab) -> servers.Server:
    """The server, in an image."""
    program = Layer(texts={_PROGRAM: Path(server.__file__).read_text(encoding="utf-8")})
    layers = [base_layer(), interpreter_layer(), program]
    runtime = Runtime(lab.state)
    image = Image(_IMAGE, layers, ("/usr/local/bin/python",), WORKLOAD_USER, WORKLOAD_ENVIRONMENT)
    runtime.ensure(image, runtime.image_names())
    return servers.Server(_IMAGE, lambda port: [_PROGRAM, str(port), str(PERIOD_SECONDS)])


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of some Envoys."""

    allocated: int
    """What they have asked for and not given back: `allocated` of /memory."""
    resident: int
    """What the kernel has given their processes: `VmRSS` of /proc/PID/status."""

    def more_than(self, before: Memory, streams: int) -> dict[str, int]:
        """Of one stream."""
        return {
            "allocated_bytes": round((self.allocated - before.allocated) / streams),
            "resident_bytes": round((self.resident - before.resident) / streams),
        }


def resident(status: str) -> int:
    """Bytes, from the text of /proc/PID/status."""
    [line] = (line for line in status.splitlines() if line.startswith(_RESIDENT))
    return int(line.split()[1]) * _KIB


@dataclass(frozen=True, slots=True)
class Proxies:
    """The Envoys of the pods that a selector finds."""

    lab: RunningLab
    namespace: str
    selector: str

    def memory(self) -> Memory:
        pods = self.lab.core.list_namespaced_pod(self.namespace, label_selector=self.selector, _request_timeout=10)
        uids = {one.metadata.name: one.metadata.uid for one in pods.items}
        allocated = kept = 0
        for pod in self.lab.pods(self.namespace, self.selector):
            allocated += int(json.loads(pod.envoy("/memory"))["allocated"])
            status = Path("/proc", str(envoy_of(uids[pod.name])), "status")
            kept += resident(status.read_text(encoding="utf-8"))
        return Memory(allocated, kept)


class Clients:
    """The process with all clients of one edge."""

    def __init__(self, call: Call) -> None:
        command = [sys.executable, client.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._write({**asdict(call), "ca_file": str(call.ca_file)})

    def _write(self, told: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps(told), file=self._process.stdin, flush=True)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdout is not None
        self._write(order)
        line = self._process.stdout.readline()
        assert line, "the process with the clients has ended"
        return json.loads(line)

    def grow(self, number: int) -> dict[str, Any]:
        """Open so many more: `seconds` that it took, `refused` by reason."""
        return self._ask({"grow": number})

    def leave(self) -> int:
        """Close all of them: how many."""
        return self._ask({"leave": True})["left"]

    def begin_to_listen(self, seconds: float) -> None:
        self._write({"listen": seconds})

    def listened(self) -> dict[str, Any]:
        """After `begin_to_listen`: `milliseconds` of each event, and how many streams were `silent`."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def state(self) -> dict[str, int]:
        """How many streams are `open`, and how many have `ended` since the first."""
        return self._ask({"state": True})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_ENDS_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One of the two that are compared."""

    lab: RunningLab
    host: str
    address: str
    gateway: Proxies
    sidecar: Proxies

    @classmethod
    def declared(cls, lab: RunningLab, stack: Settings) -> Self:
        app, gateway = stack.apps[APP], stack.gateways["public"]
        return cls(
            lab=lab,
            host=str(app.host),
            address=lab.public.address,
            gateway=Proxies(lab, gateway.home, label_selector(gateway.pod_labels)),
            sidecar=Proxies(lab, app.namespace, f"app={APP}"),
        )

    @classmethod
    def bare(cls, lab: RunningLab) -> Self:
        service = lab.core.read_namespaced_service(servers.BARE, servers.BARE)
        return cls(
            lab=lab,
            host=servers.BARE_HOST,
            address=service.spec.cluster_ip,
            gateway=Proxies(lab, servers.BARE, f"istio={servers.BARE}"),
            sidecar=Proxies(lab, servers.BARE, "app=server"),
        )

    def call(self, tool: str = "stream", **token: Any) -> Call:
        """With a token for the host; claims as `RunningLab.token` takes them."""
        bearer = self.lab.token(**{"audience": f"https://{self.host}/mcp", **token})
        return Call.of_tool(self.lab, self.host, self.address, tool, bearer)

    def memory(self) -> dict[str, Memory]:
        return {"gateway": self.gateway.memory(), "sidecar": self.sidecar.memory()}


def check_files(streams: int) -> None:
    """
    Raises:
        AssertionError: this process and those that it starts may not have so many sockets.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = streams + _FILES_BESIDE_STREAMS
    enough = most == resource.RLIM_INFINITY or most >= wanted
    assert enough, f"{streams} streams need {wanted} open files, and the hard limit is {most}: see `ulimit -Hn`"
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
