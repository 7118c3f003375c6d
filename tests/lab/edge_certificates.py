"""The certificate of the public gateway while a test adds hosts to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lab import edge, pki

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab


@contextlib.contextmanager
def certified(lab: RunningLab) -> Iterator[None]:
    """A certificate for every host that the gateway has now; a wildcard's would have covered them from the start."""
    (credential,) = edge.credentials([lab.objects.get("Gateway", "istio-ingress", "public")])
    before = lab.core.read_namespaced_secret(credential.name, credential.namespace)
    issued = edge.secret(credential, pki.edge_authority(lab.state.pki))
    lab.core.patch_namespaced_secret(credential.name, credential.namespace, {"data": issued["data"]})
    try:
        yield
    finally:
        lab.core.patch_namespaced_secret(credential.name, credential.namespace, {"data": before.data})
