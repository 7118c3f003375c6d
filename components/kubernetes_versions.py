"""Does Istio run on what GKE offers? Asked of Google, and only where there are credentials to ask with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from chatgpt_mesh.components.specs.compatibility import Version, kubernetes_problem
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec
    from chatgpt_mesh.components.specs.istio import IstioSpec

# Where Google's own libraries look: https://cloud.google.com/docs/authentication/application-default-credentials
_VARIABLES = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_CREDENTIALS",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
)


def credentials_present(environment: Mapping[str, str] | None = None) -> bool:
    """Whether somebody is logged in to Google Cloud on this machine. No credential is read."""
    variables = os.environ if environment is None else environment
    if any(variables.get(name) for name in _VARIABLES):
        return True
    configuration = variables.get("CLOUDSDK_CONFIG") or Path(variables.get("HOME", "/")) / ".config" / "gcloud"
    return (Path(configuration) / "application_default_credentials.json").is_file()


def version_problems(
    cluster: GkeClusterSpec, istio: IstioSpec, *, channel_default: str | None, offered: Sequence[str]
) -> list[Problem]:
    """What is wrong with a cluster's versions, given what GKE offers in its region.

    Args:
        cluster: The cluster.
        istio: Its mesh.
        channel_default: Version that the release channel gives to a new cluster.
        offered: Versions of control planes that can be asked for.
    """
    found: list[Problem] = []
    if channel_default is not None:
        for version in {istio.version, *istio.revisions.values()}:
            problem = kubernetes_problem("cluster.release_channel", channel_default, version)
            if problem is not None:
                found.append(problem)
    floor = cluster.minimum_version
    if floor is not None and offered and not any(_starts(version, floor) for version in offered):
        newest = max(offered, key=Version.parse)
        found.append(
            Problem("cluster.minimum_version", f"is not offered by GKE in this region; the newest is {newest}", floor)
        )
    return found


def check(cluster: GkeClusterSpec, istio: IstioSpec, *, project: str, region: str, opts: pulumi.InvokeOptions) -> None:
    """Stops the program, in the preview already, where Istio does not run on what GKE offers."""

    def judge(found: gcp.container.GetEngineVersionsResult) -> None:
        problems = version_problems(
            cluster,
            istio,
            channel_default=found.release_channel_default_version.get(cluster.release_channel.upper()),
            offered=found.valid_master_versions,
        )
        if problems:
            raise pulumi.RunError("\n".join(str(problem) for problem in problems))

    gcp.container.get_engine_versions_output(location=region, project=project, opts=opts).apply(judge)


def _starts(version: str, prefix: str) -> bool:
    return version == prefix or version.startswith((f"{prefix}.", f"{prefix}-"))
