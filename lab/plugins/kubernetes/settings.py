"""The provider's configuration: the arguments of `pulumi_kubernetes.Provider` that the stand-in knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.plugins.kubernetes.connection import KubeconfigChoice, UnreachableClusterError
from lab.plugins.wire import UnknownType, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED = {
    "renderYamlToDirectory": "the lab's stand-in does not render to a directory; use the real plugin for it",
    "alwaysRender": "the lab's stand-in does not render to a directory; use the real plugin for it",
}


TEXTS = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier")
SWITCHES = (
    "enableServerSideApply",
    "enableConfigMapMutable",
    "enableSecretMutable",
    "enablePatchForce",
    "upsertExistingObjects",
    "deleteUnreachable",
    "skipUpdateUnreachable",
    "suppressDeprecationWarnings",
)


def schema(version: str) -> dict[str, Any]:
    """A package schema with the provider alone: languages without an SDK of their own (YAML) ask for its arguments.

    The kinds of Kubernetes are not in it.
    """
    kinds = {**dict.fromkeys(TEXTS, "string"), **dict.fromkeys(SWITCHES, "boolean")}
    arguments = {name: {"type": kind} for name, kind in kinds.items()}
    return {"name": "kubernetes", "version": version, "provider": {"inputProperties": arguments}}


@dataclass(frozen=True)
class ProviderSettings:
    """Configuration of one provider instance."""

    choice: KubeconfigChoice = field(default_factory=KubeconfigChoice)
    namespace: str = ""
    cluster_identifier: str = ""
    config_map_mutable: bool = False
    secret_mutable: bool = False
    patch_force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecation_warnings: bool = False

    @staticmethod
    def of(properties: Mapping[str, Value]) -> ProviderSettings:
        """Read the engine's properties; truth values come as booleans or as the texts "true" and "false"."""

        def text(key: str) -> str:
            value = properties.get(key)
            return value if isinstance(value, str) else ""

        return ProviderSettings(
            choice=KubeconfigChoice(text("kubeconfig"), text("context"), text("cluster")),
            namespace=text("namespace"),
            cluster_identifier=text("clusterIdentifier"),
            config_map_mutable=_truth(properties.get("enableConfigMapMutable")),
            secret_mutable=_truth(properties.get("enableSecretMutable")),
            patch_force=_truth(properties.get("enablePatchForce")),
            upsert=_truth(properties.get("upsertExistingObjects")),
            delete_unreachable=_truth(properties.get("deleteUnreachable")),
            skip_update_unreachable=_truth(properties.get("skipUpdateUnreachable")),
            suppress_deprecation_warnings=_truth(properties.get("suppressDeprecationWarnings")),
        )

    def default_namespace(self) -> str:
        """The provider's namespace, else that of the kubeconfig's context, else "default"."""
        if self.namespace:
            return self.namespace
        try:
            return self.choice.default_namespace()
        except UnreachableClusterError:
            return "default"


def _truth(value: Value) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def check(properties: Mapping[str, Value]) -> dict[str, str]:
    """What is wrong with a provider's configuration, by property."""
    failures = {key: reason for key, reason in REFUSED.items() if properties.get(key) not in (None, "", False, "false")}
    if properties.get("enableServerSideApply") in (False, "false"):
        failures["enableServerSideApply"] = (
            "the lab's stand-in always uses server-side apply; leave it out or set it to true"
        )
    return failures


def replaced_by(old: Mapping[str, Value], new: Mapping[str, Value]) -> list[str]:
    """The properties whose change means another cluster, so that every resource of the provider is made anew.

    With `clusterIdentifier` on both sides only its own change does; without it the API server's address decides, and an
    unknown kubeconfig counts as another cluster (as in Pulumi's own plugin).
    """
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    if before or after:
        both_known = bool(before) and bool(after) and not isinstance(after, UnknownType)
        return ["clusterIdentifier"] if both_known and before != after else []
    if isinstance(new.get("kubeconfig"), UnknownType):
        return ["kubeconfig"]
    keys = ("kubeconfig", "context", "cluster")
    changed = [key for key in keys if old.get(key) != new.get(key)]
    if not changed:
        return []
    try:
        same = ProviderSettings.of(old).choice.server() == ProviderSettings.of(new).choice.server()
    except UnreachableClusterError:
        return []  # an unreadable kubeconfig says nothing of another cluster; the next request tells what is wrong
    return [] if same else changed
