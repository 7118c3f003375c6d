"""What ``python -m lab up`` does once a cluster answers: the stack, certificates, sample workloads, an MCP client."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.stack.settings import Settings, load_stack
from lab import acme, edge, environment, first_requests, images, pki, upstream_envoy
from lab.acme import Acme
from lab.cluster import kubectl
from lab.docker_archive import write_archive
from lab.failure import LabError
from lab.network import accepts
from lab.own_process import own_process, workload_sources
from lab.processes import Processes
from lab.stack import Stack, requests_certificates
from lab.state import State, cache_directory
from lab.upstream_envoy import UpstreamEnvoy
from lab.workloads import declared_apps, internet, manifests, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lab.docker_archive import Image
    from lab.screen import Screen
    from lab.toolchain import Toolchain

FIELD_MANAGER = "chatgpt-mesh-lab"
WORKLOADS_TIMEOUT = 120.0
CERTIFICATES = "certificates.cert-manager.io"
CERTIFICATES_TIMEOUT = 240.0
ISSUER = "issuer"
INTERNET = "internet"


class Deployment:
    """The lab stack and its sample workloads on one cluster."""

    def __init__(self, state: State, toolchain: Toolchain, mesh: str, screen: Screen) -> None:
        self._state = state
        self._toolchain = toolchain
        self._screen = screen
        self._stack = Stack(state, toolchain, mesh)
        self._own_cluster = not os.environ.get("LAB_KUBECONFIG")
        self._acme: Acme | None = None
        if self._own_cluster and requests_certificates(mesh):
            self._acme = Acme(state, toolchain, pki.edge_authority(state.pki))

    def up(self) -> None:
        """Deploy everything and end with the client's trace.

        Raises:
            LabError: the engine, a workload or the client failed.
        """
        tokens.ensure_keys(self._state.issuer)
        authority = pki.edge_authority(self._state.pki)
        workload = images.workload_image(authority.certificate)
        if self._own_cluster:
            self._prepare_own_cluster()
        else:
            self._require_answer()
            with self._screen.step(f"image for `kind load image-archive {self._archive}`"):
                write_archive(workload, cache_directory() / "layers", self._archive)
        self._screen.heading(f"Stack lab from {self._stack.file.name}, under Pulumi's engine")
        started = time.monotonic()
        self._stack.up()
        if self._own_cluster:
            UpstreamEnvoy(self._state, self._toolchain).wait()
        self._screen.line(f"  {'pulumi up':<58} {'ok':>6} {time.monotonic() - started:>10.1f} s")
        self._screen.heading("Sample workloads")
        with self._screen.step("TLS Secrets of the gateways"):
            requested = self._certificates()
            wanted = [one for one in edge.credentials(self._gateways()) if (one.namespace, one.name) not in requested]
            self._apply(edge.secret(one, authority) for one in wanted)
        if self._acme is not None:
            self._wait_for_certificates(requested)
        stack = self._declared()
        with self._screen.step("sample workloads ready"):
            self._apply_workloads(_workloads(stack, workload))
        self._show(authority.certificate if self._acme is None else self._acme.trusted(), stack)

    def down(self) -> None:
        """Delete the sample workloads and the stack from a cluster that is not the lab's own.

        Raises:
            LabError: the cluster or the engine said no.
        """
        self._require_answer()
        with self._screen.step("sample workloads"):
            image = images.workload_image(pki.edge_authority(self._state.pki).certificate)
            documents = yaml.safe_dump_all(_workloads(self._declared(), image), sort_keys=False)
            self._kubectl("delete", "--ignore-not-found", "--filename=-", stdin=documents)
        self._stack.destroy()

    def _require_answer(self) -> None:
        try:
            self._kubectl("version", "--request-timeout=5s")
        except LabError as error:
            raise LabError(
                f"The cluster of LAB_KUBECONFIG={self._kubeconfig} does not answer: {error} "
                "Choose another context in that file, or unset LAB_KUBECONFIG to use the lab's own cluster."
            ) from error

    def _prepare_own_cluster(self) -> None:
        """What one machine must have beside the stack: stand-ins for the hosts outside the mesh."""
        with self._screen.step("token issuer, hosts outside the mesh"):
            self._start_outside_hosts()
        if self._acme is not None:
            self._acme.up(self._screen)
        inputs = (upstream_envoy.MANIFEST, self._state.kubeconfig)
        keeper = own_process(self._state, upstream_envoy.NAME, "lab.upstream_envoy", inputs=inputs)
        Processes(self._state).start(keeper)

    def _start_outside_hosts(self) -> None:
        processes = Processes(self._state)
        for name in (ISSUER, INTERNET):
            module = f"lab.workloads.{name}"
            processes.start(own_process(self._state, name, module, "serve", inputs=workload_sources()))
        for name, site in ((ISSUER, "issuer"), *((INTERNET, site) for site in internet.SERVED_HERE)):
            address = internet.SITES[site].address
            processes.wait_ready(name, functools.partial(accepts, address, internet.HTTPS_PORT), timeout=20)
        forwarded = {} if self._acme is None else {acme.DOMAIN: internet.SITES["zone"].address}
        corefile = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": "kube-system", "name": "coredns-custom"},
            "data": {"internet.override": internet.corefile(forwarded)},
        }
        self._apply([corefile])

    def _gateways(self) -> list[dict[str, Any]]:
        return json.loads(self._kubectl("get", "gateways.networking.istio.io", "--all-namespaces", "--output=json"))[
            "items"
        ]

    def _declared(self) -> Settings:
        os.environ.update(environment.variables(self._state, self._toolchain))
        return load_stack(self._stack.file)

    def _certificates(self) -> set[tuple[str, str]]:
        """Namespace and name of each Secret that cert-manager fills."""
        if self._acme is None:
            return set()
        listed = json.loads(self._kubectl("get", CERTIFICATES, "--all-namespaces", "--output=json"))["items"]
        return {(one["metadata"]["namespace"], one["spec"]["secretName"]) for one in listed}

    def _wait_for_certificates(self, requested: Iterable[tuple[str, str]]) -> None:
        with self._screen.step("certificates issued"):
            for namespace in sorted({namespace for namespace, _ in requested}):
                self._kubectl(
                    "wait",
                    CERTIFICATES,
                    "--all",
                    f"--namespace={namespace}",
                    "--for=condition=Ready",
                    f"--timeout={CERTIFICATES_TIMEOUT:.0f}s",
                )

    def _apply_workloads(self, objects: list[dict[str, Any]]) -> None:
        self._apply(objects)
        deployments = [
            (one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects if one["kind"] == "Deployment"
        ]
        waits = [
            subprocess.Popen(
                [
                    str(self._toolchain.path("kubectl")),
                    f"--kubeconfig={self._kubeconfig}",
                    "rollout",
                    "status",
                    f"--namespace={namespace}",
                    f"deployment/{name}",
                    f"--timeout={WORKLOADS_TIMEOUT:.0f}s",
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for namespace, name in deployments
        ]
        failed: list[str] = []
        for wait, (namespace, name) in zip(waits, deployments, strict=True):
            _, errors = wait.communicate()
            if wait.returncode != 0:
                failed.append(f"{namespace}/{name}: {errors.strip()}")
        if failed:
            advice = (
                ""
                if self._own_cluster
                else f" Is the image {images.WORKLOAD_IMAGE} there? `kind load image-archive {self._archive}` loads it."
            )
            raise LabError(
                f"Sample workloads are not ready: {'; '.join(failed)}. `python -m lab status` and `python -m lab "
                f"logs POD` show why.{advice}"
            )

    def _show(self, ca_file: Path, stack: Settings) -> None:
        outputs = self._stack.outputs()
        self._screen.line()
        for line in outputs_table(outputs):
            print(line)
        addresses = {name: self._address(one["namespace"], one["name"]) for name, one in outputs["gateways"].items()}
        keys = tokens.load_keys(self._state.issuer)
        first_requests.show(stack, first_requests.Client(keys, ca_file, addresses.__getitem__))
        public = next((name for name, one in outputs["gateways"].items() if one["kind"] == "public"), None)
        app = next((app for app in stack.apps.values() if app.host and app.gateway == public), None)
        if public is not None and app is not None:
            print(NEXT.format(ca=ca_file, address=addresses[public], app=app.name, host=app.host))

    def _address(self, namespace: str, service: str) -> str:
        path = "--output=jsonpath={.spec.clusterIP}"
        return self._kubectl("get", "service", f"--namespace={namespace}", service, path)

    @property
    def _archive(self) -> Path:
        """The workload image, for a cluster that is not the lab's own."""
        return self._state.images / "workload.tar"

    @property
    def _kubeconfig(self) -> Path:
        return environment.kubeconfig(self._state)

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return kubectl(self._kubeconfig, self._toolchain, *arguments, stdin=stdin)

    def _apply(self, objects: Iterable[Mapping[str, Any]]) -> None:
        text = yaml.safe_dump_all(list(objects), sort_keys=False)
        self._kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            f"--field-manager={FIELD_MANAGER}",
            "--filename=-",
            stdin=text,
        )


NEXT = """
What to try next:
  eval "$(python -m lab env)"            kubectl, helm, istioctl and pulumi on this lab
  pulumi preview -s lab                  what a change to the stack would do
  python -m mesh show lab {app:<14} who may call the app, and how
  python -m mesh verify                  has every proxy taken its configuration?
  python -m lab.workloads.client --help  the MCP client, with your own token, header or address
  curl --cacert {ca} --resolve {host}:443:{address} https://{host}/
  python -m lab status | logs POD | shell | down"""


def _workloads(stack: Settings, image: Image) -> list[dict[str, Any]]:
    """The sample workloads, which are the apps of staging and prod, or else a server for each declared app."""
    samples = manifests.load(image=image.name, digest=image.key())
    sampled = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in samples if one["kind"] == "Service"}
    if any((app.namespace, app.service_name) in sampled for app in stack.apps.values()):
        return samples
    return list(declared_apps.workloads(stack.apps.values(), image=image.name, digest=image.key()))


def outputs_table(outputs: Mapping[str, Any]) -> list[str]:
    """The stack's outputs, one line per gateway and app."""
    lines = [
        f"Istio {outputs['istio_version']}, trust domain {outputs['trust_domain']}, namespaces "
        f"{', '.join(outputs['namespaces'])}",
        "",
    ]
    rows = [("gateway", "kind", "service", "hosts")]
    for name, one in outputs["gateways"].items():
        hosts = sorted({host for listener in one["listeners"].values() for host in listener["hosts"]})
        rows.append((name, one["kind"], one["service"], ", ".join(hosts)))
    lines += [*_columns(rows), ""]
    rows = [("app", "namespace", "service", "hosts at gateways")]
    rows += [
        (name, one["namespace"], one["service"], ", ".join(one["hosts"]) or "-")
        for name, one in outputs["apps"].items()
    ]
    return [*lines, *_columns(rows)]


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
