"""Servers that answer faster than anything in front of them, and a gateway of a bare Istio before one of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lab import edge, pki
from lab.docker_archive import Image, Layer
from lab.images import base_layer
from lab.runtime import Runtime
from lab.screen import Screen
from lab.toolchain import LOAD_FAMILIES, Toolchain
from lab.workloads.declared_apps import workloads
from tests.benchmarks.data_path.declarations import APP
from tests.lab.kubectl import kubectl, wait_rolled_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from tests.lab.running_lab import RunningLab

BARE = "bare-istio"
BARE_HOST = "bare.example.com"
_SERVER = "server"
BARE_SERVICE = f"{_SERVER}.{BARE}.svc.cluster.local"
_CERTIFICATE = "bare-tls"
_IMAGE = "docker.io/chatgpt-mesh-lab/fortio:lab"
_ALONE = [word for port in ("grpc", "tcp", "udp", "redirect") for word in (f"-{port}-port", "disabled")]
"""Nothing else is served."""
_OF_THE_GATEWAY = ("app", "istio")


@dataclass(frozen=True, slots=True)
class Server:
    """What runs in the pods of the measured app: an image, and its arguments by the port to serve at."""

    image: str
    arguments: Callable[[int], Sequence[str]]


FORTIO = Server(_IMAGE, lambda port: ["server", "-quiet", "-ui-path", "", "-http-port", str(port), *_ALONE])
"""It answers with the body that it got."""


def fortio(lab: RunningLab) -> Path:
    """The program, built if need be, and in an image."""
    toolchain = Toolchain()
    toolchain.ensure(LOAD_FAMILIES, Screen())
    program = toolchain.path("fortio")
    runtime = Runtime(lab.state)
    image = Image(_IMAGE, [base_layer(), Layer(files={"/bin/fortio": program})], ("/bin/fortio",), "65532:65532")
    runtime.ensure(image, runtime.image_names())
    return program


def _servers(app: AppSpec, server: Server) -> Iterator[dict[str, Any]]:
    """What the lab deploys for an app, with this server in the place of its own."""
    assert app.service is not None
    port = app.service.target_port or app.service.port
    for manifest in workloads([app], image=server.image, digest=APP):
        if manifest["kind"] == "Deployment":
            [container] = manifest["spec"]["template"]["spec"]["containers"]
            del container["env"]
            container["args"] = list(server.arguments(port))
        yield manifest


@contextlib.contextmanager
def serving(lab: RunningLab, app: AppSpec, server: Server = FORTIO) -> Iterator[None]:
    """Pods of every version of the app, its Service, and `bare_manifests`; none of them afterwards."""
    manifests = [*_servers(app, server), *bare_manifests(lab, app, server)]
    text = yaml.safe_dump_all(manifests)
    try:
        kubectl(lab, "apply", "--server-side", "--filename=-", stdin=text)
        deployments = [one["metadata"] for one in manifests if one["kind"] == "Deployment"]
        for one in deployments:
            wait_rolled_out(lab, one["namespace"], f"deployment/{one['name']}")
        yield
    finally:
        gone = ("--ignore-not-found", "--timeout=120s")
        # The gateway before its rights: istiod remembers for a minute that somebody may not read Secrets, and would
        # refuse the next one of the same name.
        try:
            kubectl(lab, "delete", f"deployment/{BARE}", f"--namespace={BARE}", "--cascade=foreground", *gone)
        finally:
            kubectl(lab, "delete", *gone, "--filename=-", stdin=text)


def bare_manifests(lab: RunningLab, app: AppSpec, server: Server) -> list[dict[str, Any]]:
    """A namespace with the same server, and before it a gateway with the pods of the stack's own: Istio as its charts
    install it, with nothing declared but the host, its certificate and one route.

    What the mesh declares for all is taken back here: who may call whom, spans and log.
    """
    spec = lab.stack.gateways["public"]
    live = lab.objects.get("Namespace", "", app.namespace)
    gateway = lab.objects.get("Deployment", spec.home, spec.release_name)
    metadata = {"namespace": BARE}
    labels = {key: value for key, value in live["metadata"]["labels"].items() if "istio" in key}
    selector: dict[str, str] = dict.fromkeys(_OF_THE_GATEWAY, BARE)
    template = gateway["spec"]["template"]
    template["metadata"]["labels"] |= selector
    template["spec"] |= {"serviceAccountName": BARE, "serviceAccount": BARE}
    # As many pods as the app has: fewer connections behind a gateway are cheaper ones.
    changes: dict[str, Any] = {"namespace": BARE, "service_account": None, "rollout": None}
    alone = app.model_copy(update=changes).named(_SERVER)
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BARE, "labels": labels}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": BARE, **metadata}},
        # istiod hands a Secret to a gateway whose account may read it.
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": BARE, **metadata},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": BARE, **metadata},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": BARE},
            "subjects": [{"kind": "ServiceAccount", "name": BARE, "namespace": BARE}],
        },
        edge.secret(edge.Credential(BARE, _CERTIFICATE, (BARE_HOST,)), pki.edge_authority(lab.state.pki)),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": BARE, "labels": selector, **metadata},
            "spec": {"selector": selector, "ports": [{"name": "https", "port": 443, "targetPort": 443}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": BARE, **metadata},
            "spec": {"replicas": 1, "selector": {"matchLabels": selector}, "template": template},
        },
        *_servers(alone, server),
        *bare_istio().values(),
    ]


def bare_istio() -> dict[str, dict[str, Any]]:
    """Istio's objects of the bare gateway: key -> manifest."""
    found = _bare_istio(dict.fromkeys(_OF_THE_GATEWAY, BARE))
    return {f"{one['kind']}/{BARE}/{one['metadata']['name']}": one for one in found}


def _bare_istio(selector: dict[str, str]) -> Iterator[dict[str, Any]]:
    metadata = {"name": BARE, "namespace": BARE}
    servers = [
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": [BARE_HOST],
            "tls": {"mode": "SIMPLE", "credentialName": _CERTIFICATE},
        }
    ]
    route = [{"route": [{"destination": {"host": BARE_SERVICE}}]}]
    networking, security = "networking.istio.io/v1", "security.istio.io/v1"
    yield {
        "apiVersion": networking,
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"selector": selector, "servers": servers},
    }
    yield {
        "apiVersion": networking,
        "kind": "VirtualService",
        "metadata": metadata,
        "spec": {"hosts": [BARE_HOST], "gateways": [BARE], "http": route},
    }
    yield {"apiVersion": security, "kind": "AuthorizationPolicy", "metadata": metadata, "spec": {"rules": [{}]}}
    yield {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": metadata,
        "spec": {"tracing": [{"disableSpanReporting": True}], "accessLogging": [{"disabled": True}]},
    }
