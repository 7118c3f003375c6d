"""Kubeconfigs for GKE, and the endpoint that a preview may still count on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping


def kubeconfig(
    *, name: str, server: str, ca_certificate: str | None = None, token: str | None = None
) -> dict[str, Any]:
    """The kubeconfig of one cluster, as the document that a file would hold.

    Args:
        name: What the cluster is called in it.
        server: DNS name or address of the control plane.
        ca_certificate: Its certificate authority, as base64. None with the DNS endpoint, whose certificate is public:
        with the cluster's own authority every client refuses it (fluxcd/flux2#5896).
        token: A token that is good for an hour. None to run `gke-gcloud-auth-plugin`, which renews its own.
    """
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": f"https://{server}",
                    **({"certificate-authority-data": ca_certificate} if ca_certificate else {}),
                },
            }
        ],
        "users": [{"name": name, "user": {"token": token} if token else {"exec": _plugin()}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _plugin() -> Mapping[str, Any]:
    """https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl#install_plugin"""
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "gke-gcloud-auth-plugin",
        "installHint": "gcloud components install gke-gcloud-auth-plugin, or set cluster.access.login to token",
        "provideClusterInfo": True,
        "interactiveMode": "IfAvailable",
    }


def known_or_recorded(value: pulumi.Output[str], output: str) -> pulumi.Output[str]:
    """A value that a preview may not know, and that the last `up` of this stack has recorded under `output`.

    With an unknown kubeconfig the engine cannot ask the cluster which objects a chart has, and shows all of them as
    deleted, which no `up` does. The endpoint of a cluster never changes, so the recorded one is as good as the new one.
    docs/adr/0007-one-stack-per-environment.md
    """
    if not pulumi.runtime.is_dry_run():
        return value

    async def settled() -> tuple[str, bool]:
        if await value.is_known():
            return await value.future() or "", True
        recorded = await _recorded(output)
        return recorded or "", recorded is not None

    async def text() -> str:
        return (await found.future() or ("", False))[0]

    async def known() -> bool:
        return (await found.future() or ("", False))[1]

    found = pulumi.Output.from_input(settled())
    return pulumi.Output(value.resources(), text(), known(), value.is_secret())


async def _recorded(output: str) -> str | None:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = await pulumi.runtime.invoke_async("pulumi:pulumi:readStackOutputs", {"name": stack})
    recorded = answer.get("outputs", {}).get(output)
    return recorded if isinstance(recorded, str) and recorded else None
