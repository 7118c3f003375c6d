"""Objects of the Kubernetes API, registered as their manifests are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping


class KubernetesObject(pulumi.CustomResource):
    """Any object, given as its manifest. Keys reach the API server as they are written.

    The classes of `pulumi_kubernetes.core.v1` say the same, and take half a second to load.
    """

    def __init__(self, name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        group = api_version if "/" in api_version else f"core/{api_version}"
        super().__init__(f"kubernetes:{group}:{kind}", name, dict(manifest), opts)
