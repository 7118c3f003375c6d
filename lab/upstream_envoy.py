"""Keeps one EnvoyFilter in the lab's own cluster: it takes out of every proxy what an upstream Envoy lacks.

It is no part of the stack, since every other cluster runs Istio's own proxies, and it has to be there soon after the
stack has brought its namespace, its definition and the webhook that admits it, whoever deploys the stack: ``python -m
lab up``, a plain ``pulumi up``, or one after a ``pulumi destroy``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import yaml

from lab import environment
from lab.cluster import MANIFESTS, kubectl
from lab.failure import LabError
from lab.kubeconfig import ApiServer
from lab.state import State
from lab.toolchain import Toolchain

if TYPE_CHECKING:
    from lab.json_types import JsonObject

NAME = "upstream-envoy"
MANIFEST = MANIFESTS / "upstream-envoy.yaml"
INTERVAL = 0.5
TIMEOUT = 20.0


class UpstreamEnvoy:
    """The EnvoyFilter of one cluster."""

    def __init__(self, state: State, toolchain: Toolchain) -> None:
        manifest: JsonObject = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
        metadata = manifest["metadata"]
        self._kinds = f"/apis/{manifest['apiVersion']}"
        self._namespace = f"/api/v1/namespaces/{metadata['namespace']}"
        self._path = f"{self._kinds}/namespaces/{metadata['namespace']}/envoyfilters/{metadata['name']}"
        self._state = state
        self._toolchain = toolchain
        self._api = ApiServer(environment.kubeconfig(state))

    def is_there(self) -> bool:
        return self._api.get(self._path) is not None

    def ensure(self) -> None:
        """Apply it where it is missing; a cluster that cannot take it yet is asked again the next time."""
        if self.is_there() or not all(self._api.get(needed) for needed in (self._namespace, self._kinds)):
            return
        try:
            kubectl(
                environment.kubeconfig(self._state),
                self._toolchain,
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=chatgpt-mesh-lab",
                f"--filename={MANIFEST}",
            )
        except LabError as refusal:
            print(refusal, flush=True)

    def wait(self) -> None:
        """Wait until it is there.

        Raises:
            LabError: nobody has applied it.
        """
        deadline = time.monotonic() + TIMEOUT
        while not self.is_there():
            if time.monotonic() > deadline:
                raise LabError(
                    f"{MANIFEST.name} is not on the cluster after {TIMEOUT:.0f} s; `python -m lab logs {NAME}` says "
                    "what refuses it."
                )
            time.sleep(INTERVAL)


def main() -> None:
    """Keep it until the process is ended."""
    envoy = UpstreamEnvoy(State.from_environment(), Toolchain())
    while True:
        envoy.ensure()
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
