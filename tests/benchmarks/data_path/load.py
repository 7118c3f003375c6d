"""fortio as the client, and the time that proxies spent meanwhile."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lab.workloads.request import Request
from tests.lab.running_lab import JSON_RPC_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.running_lab import RunningLab

_PROC = Path("/proc")
_CONNECTIONS = 8
_MILLISECONDS = 1_000
_MICROSECONDS = 1_000_000
_NANOSECONDS = 1_000_000_000


def tools_call(tool: str) -> str:
    """The body of a call of a tool without arguments."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as often as there is time."""

    url: str
    address: str
    """Where the host of `url` is, as the gateway's clients find it."""
    ca_file: Path
    headers: Mapping[str, str]
    body: str

    @classmethod
    def of_tool(cls, lab: RunningLab, host: str, address: str, tool: str, bearer: str) -> Self:
        """A call of a tool at a host, with this token."""
        return cls(
            url=f"https://{host}/mcp",
            address=address,
            ca_file=lab.ca_file,
            headers={**JSON_RPC_HEADERS, "authorization": f"Bearer {bearer}"},
            body=tools_call(tool),
        )

    def once(self) -> Request:
        return Request(
            url=self.url,
            address=self.address,
            ca_file=str(self.ca_file),
            method="POST",
            headers=dict(self.headers),
            body=self.body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run. Latencies are what the client saw; CPU is of Envoy alone, user and system."""

    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    gateway_microseconds: float
    """CPU of the workers of the gateway's Envoys per request."""
    sidecar_microseconds: float
    """CPU of the workers of the Envoys beside the servers, per request."""

    def by(self, other: Self) -> Self:
        """Each figure by that of another run; without a unit then."""
        return type(self)(**{one.name: getattr(self, one.name) / getattr(other, one.name) for one in fields(self)})


@dataclass(frozen=True, slots=True)
class Client:
    """fortio. `rate` is requests per second, None for as many as there can be."""

    program: Path

    def run(
        self,
        call: Call,
        *,
        seconds: float,
        rate: int | None,
        gateways: tuple[int, ...],
        sidecars: tuple[int, ...],
        http2: bool = False,
    ) -> Figures:
        """Send for so long.

        Args:
            gateways: Processes of the Envoys of the gateway's pods.
            sidecars: Processes of the Envoys beside the servers.

        Raises:
            AssertionError: an answer was not 200, so that something else was measured than meant.
        """
        before = [sum(map(cpu_seconds, processes)) for processes in (gateways, sidecars)]
        report = self._report(call, seconds=seconds, rate=rate, http2=http2)
        after = [sum(map(cpu_seconds, processes)) for processes in (gateways, sidecars)]
        sent: dict[str, int] = report["RetCodes"]
        assert set(sent) == {"200"}, f"fortio was not answered 200 alone: {sent}"
        percentiles = {one["Percentile"]: one["Value"] for one in report["DurationHistogram"]["Percentiles"]}
        return Figures(
            requests_per_second=report["ActualQPS"],
            p50_milliseconds=percentiles[50] * _MILLISECONDS,
            p99_milliseconds=percentiles[99] * _MILLISECONDS,
            gateway_microseconds=(after[0] - before[0]) * _MICROSECONDS / sent["200"],
            sidecar_microseconds=(after[1] - before[1]) * _MICROSECONDS / sent["200"],
        )

    def _report(self, call: Call, *, seconds: float, rate: int | None, http2: bool) -> dict[str, Any]:
        headers = [word for name, value in call.headers.items() for word in ("-H", f"{name}: {value}")]
        command = [
            *(str(self.program), "load", "-quiet", "-json", "-", "-nocatchup", "-p", "50,99"),
            # Finer than a tenth of what a call takes: percentiles are read from this histogram.
            *("-r", "0.00005"),
            *("-c", str(_CONNECTIONS), "-t", f"{seconds}s", "-qps", str(rate or 0)),
            *("-resolve", call.address, "-cacert", str(call.ca_file), "-payload", call.body),
            *(("-h2", "-stdclient") if http2 else ()),
            *headers,
            call.url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)


def cpu_seconds(process: int, threads: str = "wrk:") -> float:
    """What threads whose names begin so have used of CPUs: `/proc/PID/task/*/schedstat`, which counts nanoseconds.

    Envoy's workers by default. What its main thread does, such as merging counters every few seconds, is done without
    requests too, and more of it where a listener drains.
    """
    used = 0
    for task in (_PROC / str(process) / "task").iterdir():
        if (task / "comm").read_text().startswith(threads):
            used += int((task / "schedstat").read_text().split()[0])
    return used / _NANOSECONDS


def envoy_of(pod_uid: str) -> int:
    """The process of Envoy in a pod on this machine.

    Raises:
        LookupError: there is none, as where the cluster is another machine's.
    """
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            program = (entry / "comm").read_text().strip()
            groups = (entry / "cgroup").read_text()
        except OSError:
            continue
        if program == "envoy" and (pod_uid in groups or pod_uid.replace("-", "_") in groups):
            return int(entry.name)
    raise LookupError(f"no Envoy of the pod {pod_uid} runs on this machine; the lab of this machine is needed")
