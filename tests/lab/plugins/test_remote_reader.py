"""Part of B58: an istiod reads another cluster by the rights of that cluster's reader, and with less it does not.

A real istiod on an API server of its own; the other cluster is the same API server under another name, reached by the
kubeconfig that the product hands over.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import os
import signal
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.components.other_cluster import READER, reader_manifests, remote_kubeconfig
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from tests.lab.plugins.conftest import ApiServer, _free_port, _tool
from tests.lab.running_lab import eventually, fails

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = "other"


def without(kind: str | None) -> list[dict[str, Any]]:
    """The reader, without the right to read one kind."""
    manifests = copy.deepcopy(reader_manifests())
    for manifest in manifests:
        for rule in manifest.get("rules", ()):
            rule["resources"] = [one for one in rule["resources"] if one != kind]
    return manifests


@contextlib.contextmanager
def reader(api_server: ApiServer, kind: str | None = None) -> Iterator[str]:
    """The kubeconfig by which the other cluster is read."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": without(kind)})
    if not api_server.exists("namespace", ROOT_NAMESPACE):
        api_server.kubectl("create", "namespace", ROOT_NAMESPACE)
    api_server.kubectl("apply", "--filename=-", stdin=given)
    token = api_server.kubectl("create", "token", READER, f"--namespace={ROOT_NAMESPACE}").strip()
    authority = (api_server.directory / "certificates" / "apiserver.crt").read_bytes()
    data = {"token": token.encode(), "ca.crt": authority}
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    try:
        yield remote_kubeconfig(OTHER, api_server.url, encoded, own_authority=True)
    finally:
        api_server.kubectl("delete", "--filename=-", stdin=given)


@dataclass(frozen=True)
class Istiod:
    process: subprocess.Popen[bytes]
    port: int

    def clusters(self) -> dict[str, str]:
        """Cluster -> whether it has been read: `synced`, `syncing`, `timeout`."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/debug/clusterz", timeout=5) as answer:
                return {one["id"]: one["syncStatus"] for one in json.load(answer) or []}
        except OSError:  # it has just been started
            return {}


@contextlib.contextmanager
def istiod(api_server: ApiServer, directory: Path, kubeconfig: str, **variables: str) -> Iterator[Istiod]:
    """A running istiod."""
    remote = directory / "remote"
    remote.mkdir()
    (remote / f"{OTHER}.yaml").write_text(kubeconfig, encoding="utf-8")
    port = _free_port()
    command = [
        _tool("pilot-discovery"),
        "discovery",
        f"--kubeconfig={api_server.kubeconfig}",
        f"--httpAddr=127.0.0.1:{port}",
        *(
            f"--{name}=127.0.0.1:{_free_port()}"
            for name in ("grpcAddr", "secureGRPCAddr", "monitoringAddr", "httpsAddr")
        ),
        "--ctrlz_port=0",
    ]
    environment = {
        **os.environ,
        "POD_NAMESPACE": ROOT_NAMESPACE,
        "POD_NAME": "istiod",
        "CLUSTER_ID": "Kubernetes",
        "PILOT_MULTICLUSTER_KUBECONFIG_PATH": str(remote),
        **variables,
    }
    with (directory / "istiod.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        yield Istiod(running, port)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()


def check_read(istiod: Istiod, *, within: float = 30) -> None:
    eventually(lambda: istiod.clusters().get(OTHER) == "synced", within=within, what="it has read the other cluster")


def test_it_reads_the_other_cluster_by_the_readers_rights(api_server: ApiServer, tmp_path: Path) -> None:
    with reader(api_server) as kubeconfig, istiod(api_server, tmp_path, kubeconfig) as running:
        check_read(running)


@pytest.mark.parametrize("kind", ["pods", "secrets"])
def test_with_less_it_does_not(api_server: ApiServer, tmp_path: Path, kind: str) -> None:
    """Secrets too, which nobody there needs: `components.other_cluster` says why."""
    with reader(api_server, kind) as kubeconfig, istiod(api_server, tmp_path, kubeconfig) as running:
        eventually(lambda: OTHER in running.clusters(), within=30, what="it has begun")
        with fails():
            check_read(running, within=10)


def test_told_to_leave_secrets_alone_it_falls(api_server: ApiServer, tmp_path: Path) -> None:
    """Once Istio has mended that, the right to read Secrets can go."""
    told = {"PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER": "false"}
    with reader(api_server, "secrets") as kubeconfig, istiod(api_server, tmp_path, kubeconfig, **told) as running:
        eventually(lambda: running.process.poll() is not None, within=30, what="it has ended")
    assert "nil pointer dereference" in (tmp_path / "istiod.log").read_text(encoding="utf-8")


def test_the_reader_changes_nothing(api_server: ApiServer) -> None:
    def may(verb: str, kind: str) -> bool:
        account = f"--as=system:serviceaccount:{ROOT_NAMESPACE}:{READER}"
        return "yes" in _said(api_server, "auth", "can-i", verb, kind, account)

    with reader(api_server):
        assert may("list", "pods")
        asked = [("create", "pods"), ("delete", "secrets"), ("list", "configmaps"), ("create", "tokenreviews")]
        assert not [(verb, kind) for verb, kind in asked if may(verb, kind)]


def _said(api_server: ApiServer, *arguments: str) -> str:
    """What kubectl prints, whatever its exit code."""
    command = [api_server.tools["kubectl"], "--kubeconfig", str(api_server.kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
