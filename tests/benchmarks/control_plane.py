"""istiod in the running lab, by number of services that no app declares and of apps at the gateway.

One app's route is edited again and again, until a request through the gateway is answered by it. The plain alternative
is the same mesh without the Sidecars by which the stack narrows what a proxy is told: Istio as it comes.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import time
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from lab.node import PAUSE_IMAGE
from lab.workloads.request import send
from tests.benchmarks.data_path.comparison import declared
from tests.benchmarks.data_path.declarations import MEMORY_OF_A_CROWD, crowded, whole
from tests.benchmarks.figures import conditions
from tests.benchmarks.series import Plot, Row
from tests.lab.bring_up import running_lab
from tests.lab.kubectl import kubectl, memory_limited, wait_rolled_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chatgpt_mesh.stack.settings import Settings
    from tests.benchmarks.figures import Results
    from tests.lab.running_lab import RunningLab

NAME = "control_plane"
PLACES = ("control plane: edits",)
_SIZES = ((10, 1), (100, 1), (500, 1), (500, 100))
"""Services, never fewer than before, and apps."""
_LARGE = ((500, 1_000),)
_EDITS, _LARGE_EDITS = 20, 5
"""The largest size takes the best part of a minute for each."""
_NAMESPACE = "bench-services"
_UNINVOLVED = "bench-uninvolved"
"""A pod with a sidecar that calls nobody, in a namespace of its own: a proxy is told of its neighbours."""
_EDITED = "chatgpt-mcp"
_METRICS_PORT = 15014
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.01
_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
_GOAL_SECONDS = 0.3
_GOAL_SERVICES = 500


@dataclass(frozen=True, slots=True)
class Metrics:
    """istiod's own, at one moment."""

    samples: dict[tuple[str, str], float]

    @classmethod
    def of(cls, lab: RunningLab) -> Metrics:
        [istiod] = lab.pods("istio-system", "app=istiod")
        text = istiod.fetch(_METRICS_PORT, "/metrics")
        return cls({(one["name"], one["labels"] or ""): float(one["value"]) for one in _SAMPLE.finditer(text)})

    def total(self, name: str, labels: str = "") -> float:
        """The sum of the samples of a metric that have these labels."""
        return sum(value for (one, of), value in self.samples.items() if one == name and labels in of)


def _services(count: int) -> Iterator[dict[str, Any]]:
    """Without cluster addresses, of which the lab has 250, and without pods."""
    for number in range(count):
        ports = [{"name": "http", "port": 80}, {"name": "grpc", "port": 9000}]
        metadata = {"name": f"service-{number:03}", "namespace": _NAMESPACE}
        spec = {"clusterIP": "None", "ports": ports}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _pod(labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name in (_NAMESPACE, _UNINVOLVED):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    selector = {"app": _UNINVOLVED}
    container = {"name": "app", "image": PAUSE_IMAGE, "imagePullPolicy": "IfNotPresent"}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _UNINVOLVED, "namespace": _UNINVOLVED},
        "spec": {
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": {"containers": [container]}},
        },
    }


@contextlib.contextmanager
def crowd_of_services(lab: RunningLab) -> Iterator[Callable[[int], None]]:
    """The uninvolved pod, and what brings so many services, or more than before; none of them afterwards."""
    live = lab.objects.get("Namespace", "", lab.namespace)
    labels = {key: value for key, value in live["metadata"]["labels"].items() if "istio" in key}

    def grow(count: int) -> None:
        kubectl(lab, "apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(_services(count)))
        lab.plane.wait_synced()

    try:
        kubectl(lab, "apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(_pod(labels)))
        wait_rolled_out(lab, _UNINVOLVED, f"deployment/{_UNINVOLVED}")
        yield grow
    finally:
        kubectl(lab, "delete", "namespace", _NAMESPACE, _UNINVOLVED, "--ignore-not-found", "--timeout=180s")


@contextlib.contextmanager
def without_sidecars(lab: RunningLab) -> Iterator[None]:
    """The mesh without the Sidecar objects of the lab's stack."""
    names: dict[str, list[str]] = {}
    for one in Mesh(lab.stack, dates.today()).objects:
        manifest = one.resource.to_dict()
        if manifest["kind"] == "Sidecar":
            metadata = manifest["metadata"]
            names.setdefault(metadata["namespace"], []).append(metadata["name"])
    with contextlib.ExitStack() as taken:
        for namespace, found in names.items():
            taken.enter_context(lab.objects.without("Sidecar", namespace, *found))
        yield


def route_of_the_app(stack: Settings, app: str) -> dict[str, Any]:
    """The VirtualService of an app at its gateway."""
    host = stack.apps[app].host
    manifests = (one.resource.to_dict() for one in Mesh(stack, dates.today()).objects)
    return next(one for one in manifests if one["kind"] == "VirtualService" and host in one["spec"]["hosts"])


def mark(service: dict[str, Any], value: str) -> None:
    """A header of every answer: `x-bench`."""
    for route in service["spec"]["http"]:
        route.setdefault("headers", {}).setdefault("response", {}).setdefault("set", {})["x-bench"] = value


def _edit(lab: RunningLab, manifest: dict[str, Any], manager: str, number: int) -> float:
    """Seconds from the API server's answer until the gateway answers a new connection by the edited route.

    Raises:
        AssertionError: it did not within two minutes.
    """
    changed = copy.deepcopy(manifest)
    mark(changed, str(number))
    call = lab.call()
    before = lab.plane.progress()
    lab.objects.apply(changed, manager)
    started = time.monotonic()
    while send(call).header("x-bench") != str(number):
        assert time.monotonic() - started < _PATIENCE_SECONDS, f"an edit was not in force after {_PATIENCE_SECONDS} s"
        time.sleep(_POLL_SECONDS)
    seconds = time.monotonic() - started
    # What other proxies are told of this edit must not be counted to the next one.
    lab.plane.wait_synced(since=before, timeout=_PATIENCE_SECONDS)
    return seconds


def _figures(lab: RunningLab, manifest: dict[str, Any], edits: int) -> dict[str, Any]:
    before = Metrics.of(lab)
    metadata = manifest["metadata"]
    manager = lab.objects.manager(manifest["kind"], metadata["namespace"], metadata["name"])
    seconds = [_edit(lab, manifest, manager, number) for number in range(edits)]
    after = Metrics.of(lab)
    # Back as it is declared, so that the next form begins with an edit that changes something.
    lab.objects.apply(manifest, manager)
    lab.plane.wait_synced(timeout=_PATIENCE_SECONDS)

    def grown(name: str, labels: str = "") -> float:
        return after.total(name, labels) - before.total(name, labels)

    kinds = ("cds", "eds", "lds", "rds")
    [pod] = lab.pods(_UNINVOLVED, f"app={_UNINVOLVED}")
    return {
        "p95_seconds": round(quantiles(seconds, n=20, method="inclusive")[-1], 3),
        "seconds": [round(one, 3) for one in seconds],
        "istiod_cpu_milliseconds": round(grown("process_cpu_seconds_total") * 1_000 / edits, 1),
        "istiod_mib": round(after.total("process_resident_memory_bytes") / 1024**2),
        "push_milliseconds": round(grown("pilot_xds_push_time_sum") * 1_000 / edits, 2),
        "convergence_milliseconds": round(
            grown("pilot_proxy_convergence_time_sum") * 1_000 / max(grown("pilot_proxy_convergence_time_count"), 1), 1
        ),
        "pushes": {kind: round(grown("pilot_xds_pushes", f'type="{kind}"') / edits, 2) for kind in kinds},
        "bytes_sent": round(grown("pilot_xds_config_size_bytes_sum") / edits),
        "uninvolved_bytes": len(json.dumps(_without_draining(json.loads(pod.envoy("/config_dump"))), indent=1)),
    }


def _without_draining(dump: dict[str, Any]) -> dict[str, Any]:
    """What Envoy has, without listeners of a form before this one, which stay until their connections have ended."""
    for config in dump["configs"]:
        for listener in config.get("dynamic_listeners", ()):
            listener.pop("draining_state", None)
    return dump


def _with_apps(stack: Settings, count: int) -> Settings:
    """So many apps like the edited one beside it, and none of them with a limit that ends the questions."""
    many = crowded(whole(stack), count - 1)
    edited = many.apps[_EDITED].model_copy(update={"rate_limit": None})
    return many.model_copy(update={"apps": {**many.apps, _EDITED: edited}})


def measure(*, large: bool) -> Iterator[Results]:
    when = conditions()
    lab = running_lab()
    found: list[dict[str, Any]] = []
    edits = _LARGE_EDITS if large else _EDITS
    gateway = lab.stack.gateways["public"]
    with contextlib.ExitStack() as held:
        if large:
            held.enter_context(memory_limited(lab, gateway.home, gateway.release_name, to=MEMORY_OF_A_CROWD))
        grow = held.enter_context(crowd_of_services(lab))
        for services, apps in _LARGE if large else _SIZES:
            stack = _with_apps(lab.stack, apps)
            grow(services)
            with declared(lab, stack, over=lab.stack):
                manifest = route_of_the_app(stack, _EDITED)
                narrowed = _figures(lab, manifest, edits)
                with without_sidecars(lab):
                    plain = _figures(lab, manifest, edits)
            proxies = len({state.proxy for state in lab.plane.acknowledgements()})
            sizes = {"services": services, "apps": apps, "proxies": proxies}
            found.append({**sizes, "narrowed": narrowed, "plain": plain})
            yield {**when, "runs": found}


def _goal(services: int) -> str:
    return f"{_GOAL_SECONDS} s" if services == _GOAL_SERVICES else ""


def tables(results: Results) -> dict[str, list[Row]]:
    rows: list[Row] = []
    for run in results["runs"]:
        one, plain = run["narrowed"], run["plain"]
        size = f"{run['services']} services, {run['apps']:,} {'app' if run['apps'] == 1 else 'apps'}"
        for what, name, unit, goal in (
            ("an edit in force at the gateway, p95", "p95_seconds", " s", _goal(run["services"])),
            ("istiod's CPU for an edit", "istiod_cpu_milliseconds", " ms", ""),
            ("time of its pushes", "push_milliseconds", " ms", ""),
            ("sent for an edit", "bytes_sent", " bytes", ""),
            ("configuration of a proxy that calls nobody", "uninvolved_bytes", " bytes", ""),
            ("istiod's memory", "istiod_mib", " MiB", ""),
        ):
            rows.append(
                Row(
                    what=f"{size}: {what}",
                    goal=goal,
                    figure=f"{one[name]:,}{unit}",
                    plain=f"{plain[name]:,}{unit}",
                    ratio=one[name] / plain[name] if plain[name] else None,
                )
            )
    return {PLACES[0]: rows}


def plot(results: Results) -> Plot:
    runs = [run for run in results["runs"] if run["apps"] == 1]
    curves = {
        f"{what}, {named}": [(run["services"], run[form][name]) for run in runs]
        for form, named in (("narrowed", "as declared"), ("plain", "without Sidecars"))
        for what, name in (
            ("bytes of a proxy that calls nobody", "uninvolved_bytes"),
            ("bytes sent for an edit", "bytes_sent"),
        )
    }
    return Plot("What proxies are told, by services of others", "services", "bytes", curves)
