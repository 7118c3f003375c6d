"""cert-manager's kinds: when they can be written, which is a little after its pods are ready.

Its webhook answers under a certificate that the API server learns of when another of its parts has written it into the
webhook's configuration; until then every create ends with an error of TLS.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_SECONDS = 120.0
INTERVAL_SECONDS = 1.0

PROBE: Mapping[str, Any] = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "ClusterIssuer",
    "metadata": {"generateName": "is-it-taken-"},
    "spec": {"selfSigned": {}},
}
"""Created by dry run alone."""


class TakingApi(Protocol):
    """The little of a cluster that is asked."""

    def takes(self, group: str, version: str, plural: str, manifest: Mapping[str, Any]) -> str | None:
        """Why an object would be refused; None where it would not."""
        ...


def wait_until_taken(
    api: TakingApi,
    *,
    timeout: float = TIMEOUT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when an issuer could be created.

    Raises:
        ControlPlaneUnreachableError: it cannot after `timeout` seconds; the sentence has the API server's reason.
    """
    deadline = clock() + timeout
    while (reason := api.takes("cert-manager.io", "v1", "clusterissuers", PROBE)) is not None:
        if clock() > deadline:
            raise ControlPlaneUnreachableError(
                f"cert-manager takes no issuer after {timeout:.0f} s: {reason}. Look at its pods; where somebody else "
                "installs it (cert_manager.install false), ask them."
            )
        sleep(INTERVAL_SECONDS)
