"""Two networks in one cluster: an app that runs in both, and the gateway that leads into the second one.

What tells a network from another for Istio is a label of pods; the lab has one cluster, so that both istiods of a real
mesh are one here. The declaration, the gateway's chart and the objects are the product's own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.rendering import rendered
from chatgpt_mesh.components.specs.multi_cluster import MultiClusterSpec
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.app import AppSpec
from chatgpt_mesh.mesh.specs.cluster_failover import EAST_WEST, PORT
from lab.screen import Screen
from lab.toolchain import Toolchain
from lab.workloads.request import Request
from tests.lab import moved_apps
from tests.lab.running_lab import JSON_RPC_HEADERS, Pod, RunningLab, eventually, marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings
    from lab.workloads.request import Reply

APP = "fails-over"
"""App, namespace and service account."""
HERE, THERE = "here", "there"
"""Its two Deployments; the second one's pods are in the network of that name."""


def declared(lab: RunningLab) -> Settings:
    """The lab's stack with the app, as a stack file has it."""
    app = AppSpec.model_validate(
        {
            "namespace": APP,
            "service": {"port": moved_apps.PORT},
            "mcp": {"stateless": True},
            "cluster_failover": True,
            "callers": [{"app": "chatgpt-frontend"}],
        }
    )
    return lab.stack.model_copy(update={"apps": {**lab.stack.apps, APP: app.named(APP)}})


def _namespace(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"istio-injection": "enabled"}},
    }


def _deployment(lab: RunningLab, where: str) -> dict[str, Any]:
    network = {"topology.istio.io/network": THERE} if where == THERE else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": where, "namespace": APP},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": APP, "release": where}},
            "template": moved_apps.template(lab, APP, where, network),
        },
    }


def _gateway(lab: RunningLab, stack: Settings) -> list[dict[str, Any]]:
    """The chart of the gateway between clusters, as a stack whose network is that one registers it."""
    small = lab.stack.gateways["internal"].workload
    service = small.service.model_copy(update={"type": "LoadBalancer"})
    workload = small.model_copy(update={"service": service})
    names = MultiClusterSpec(mesh="lab", cluster=THERE, network=THERE, gateway=workload)
    istio = stack.istio.model_copy(update={"multi_cluster": names})
    toolchain = Toolchain()
    toolchain.ensure(["istio", "helm"], Screen())
    values = checked.east_west_values_of(istio, Mesh(stack, datetime.now(UTC).date()), None)
    return rendered(
        values,
        toolchain.istio_charts,
        toolchain.path("helm"),
        release=EAST_WEST.release_name,
        namespace=EAST_WEST.home,
    )


@dataclass(frozen=True)
class TwoNetworks:
    """The lab with the app in both networks."""

    lab: RunningLab

    def request(self, test_id: str = "") -> Request:
        return marked(
            Request(
                url=f"http://{APP}.{APP}.svc.cluster.local:{moved_apps.PORT}/mcp",
                method="POST",
                headers=JSON_RPC_HEADERS,
                body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
            ),
            test_id,
        )

    def pods(self, where: str) -> list[Pod]:
        return self.lab.pods(APP, f"release={where}")

    def send(self, test_id: str, number: int, *, namespace: str = "", app: str = "chatgpt-frontend") -> list[Reply]:
        caller = self.lab.pod(namespace or self.lab.namespace, app)
        return caller.send(*[self.request(test_id)] * number)

    def answered_in(self, test_id: str) -> Counter[str]:
        """Where the requests of a test were answered, as far as those pods are there."""
        return Counter({where: sum(len(pod.seen(test_id)) for pod in self.pods(where)) for where in (HERE, THERE)})

    @property
    def gateway(self) -> Pod:
        (pod,) = self.lab.pods(EAST_WEST.home, "istio=eastwestgateway")
        return pod

    def scale(self, where: str, replicas: int) -> None:
        apps = self.lab.apps
        apps.patch_namespaced_deployment_scale(where, APP, {"spec": {"replicas": replicas}})

    @contextlib.contextmanager
    def away(self, where: str) -> Iterator[None]:
        """Its pods are gone, as after the loss of a cluster; they are back at the end."""
        self.scale(where, 0)
        try:
            eventually(lambda: not self._any(where), within=60, what=f"the pods of {where} are gone")
            yield
        finally:
            self.scale(where, 1)
            self.all_ready()

    def _any(self, where: str) -> bool:
        return bool(self.lab.core.list_namespaced_pod(APP, label_selector=f"release={where}").items)

    def all_ready(self) -> None:
        def ready() -> bool:
            found = [self.lab.apps.read_namespaced_deployment(where, APP).status for where in (HERE, THERE)]
            return all(one.ready_replicas == 1 for one in found)

        eventually(ready, within=120, what="a pod in each network is ready")
        self.lab.objects.wait_synced()

    def admitted(self, host: str) -> bool:
        """Whether the gateway hands on a connection for this Service, as a sidecar of another cluster asks for it."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["istio"])
        name = f"outbound_.{moved_apps.PORT}_._.{host}"
        try:
            with (
                socket.create_connection((self.gateway.ip, PORT), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=name) as secure,
            ):
                return secure.getpeercert(binary_form=True) is not None
        except (ConnectionError, ssl.SSLError):
            return False


@contextlib.contextmanager
def two_networks(lab: RunningLab) -> Iterator[TwoNetworks]:
    """Everything of it on the lab, and nothing of it afterwards."""
    stack = declared(lab)
    homes = [_namespace(APP), _namespace(EAST_WEST.home)]
    pods = [moved_apps.account(APP), moved_apps.service(APP), *(_deployment(lab, where) for where in (HERE, THERE))]
    try:
        for manifest in (*homes, *pods, *_gateway(lab, stack)):
            lab.objects.apply(manifest)
        found = TwoNetworks(lab)
        eventually(lambda: len(lab.pods(EAST_WEST.home, "istio=eastwestgateway")) == 1, within=60, what="the gateway")
        # No load balancer gives out addresses here.
        status = {"status": {"loadBalancer": {"ingress": [{"ip": found.gateway.ip}]}}}
        lab.core.patch_namespaced_service_status(EAST_WEST.release_name, EAST_WEST.home, status)
        with lab.declaring(stack):
            found.all_ready()
            yield found
    finally:
        names = [home["metadata"]["name"] for home in homes]
        for name in names:
            with contextlib.suppress(Exception):
                lab.core.delete_namespace(name)
        eventually(lambda: not _left(lab, names), within=120, what="the namespaces are gone")
        lab.objects.wait_synced()


def _left(lab: RunningLab, namespaces: list[str]) -> set[str]:
    """Those that are there yet. A gateway with open connections would wait for their end, ten minutes."""
    for name in namespaces:
        with contextlib.suppress(Exception):
            lab.core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
    return {one.metadata.name for one in lab.core.list_namespace().items} & set(namespaces)


@dataclass
class Load:
    """Requests of the declared caller, one after another, until it is stopped."""

    networks: TwoNetworks
    test_id: str

    def __post_init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.statuses.update(reply.status for reply in self.networks.send(self.test_id, 20))
            time.sleep(0.05)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
