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

_VERSIONS = "gcp:container/getEngineVersions:getEngineVersions"
# Google's refusals name the API and the page that turns it on in their first sentence; the rest is JSON.
_SHOWN = 400


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


def check(
    cluster: GkeClusterSpec,
    istio: IstioSpec,
    *,
    project: str,
    region: str,
    api: pulumi.CustomResource,
    opts: pulumi.InvokeOptions,
) -> None:
    """Stops the program, in the preview already, where Istio does not run on what GKE offers.

    In a project that is new, nobody can be asked before `up` has turned the API on; it is asked then. Whatever else is
    answered than versions is no reason to stop: GKE itself refuses a cluster that it does not offer.

    Args:
        cluster: The cluster.
        istio: Its mesh.
        project: Where the cluster is.
        region: Whose versions count.
        api: The Kubernetes Engine API of the project.
        opts: With the provider to ask through.
    """

    async def offered() -> gcp.container.GetEngineVersionsResult | None:
        if not await api.id.is_known():
            return None
        try:
            return await pulumi.runtime.invoke_async(
                _VERSIONS, {"location": region, "project": project}, opts, gcp.container.GetEngineVersionsResult
            )
        except Exception as error:  # the SDK raises nothing more precise
            pulumi.log.warn(unchecked(cluster, istio, str(error)))
            return None

    def judge(found: gcp.container.GetEngineVersionsResult | None) -> None:
        if found is None:
            return
        problems = version_problems(
            cluster,
            istio,
            channel_default=(found.release_channel_default_version or {}).get(cluster.release_channel.upper()),
            offered=found.valid_master_versions or (),
        )
        if problems:
            raise pulumi.RunError("\n".join(str(problem) for problem in problems))

    pulumi.Output.from_input(offered()).apply(judge)


def unchecked(cluster: GkeClusterSpec, istio: IstioSpec, answer: str) -> str:
    """The sentence for an answer of Google's that is no list of versions."""
    text = " ".join(answer.split())
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return (
        f"cluster.release_channel: nobody has checked whether Istio {istio.version} runs on the Kubernetes of the "
        f"{cluster.release_channel} channel, since GKE did not say which versions it offers; the plan goes on. It "
        f"answered: {shown}"
    )


def _starts(version: str, prefix: str) -> bool:
    return version == prefix or version.startswith((f"{prefix}.", f"{prefix}-"))
