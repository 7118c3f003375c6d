"""Which policies and filters hold for a workload."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.extensions import TrafficExtension, WasmPlugin
from chatgpt_mesh.istio_api.networking import EnvoyFilter
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.istio_api.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.mesh.objects.owned import Owned

Guard = AuthorizationPolicy | PeerAuthentication | RequestAuthentication | EnvoyFilter | WasmPlugin | TrafficExtension


class Workload(NamedTuple):
    """Pods, by what selectors go by."""

    namespace: str
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, labels: Mapping[str, str]) -> Workload:
        return cls(namespace, tuple(labels.items()))

    def is_selected_by(self, selector: Mapping[str, str]) -> bool:
        return selector.items() <= dict(self.labels).items()


class Guards:
    """Policies and filters, found by the workload that they hold for without going through all of them.

    What one of `declarations` makes stays apart, so that whoever shares a workload with a thousand others, as routes
    share a gateway, need not wait for what guards the others.
    """

    def __init__(self, objects: Iterable[Owned]) -> None:
        self._of_namespace: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._selecting: dict[tuple[str, tuple[str, str]], list[tuple[Mapping[str, str], str, str]]] = defaultdict(list)
        self._in_namespace: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for owned in objects:
            resource = owned.resource
            if not isinstance(resource, Resource) or not isinstance(resource.spec, Guard):
                continue
            namespace, selector = resource.metadata.namespace, _selector(resource.spec)
            self._in_namespace[namespace][owned.declaration].append(resource.key)
            if selector:
                self._selecting[namespace, min(selector.items())].append((selector, owned.declaration, resource.key))
            else:
                self._of_namespace[namespace][owned.declaration].append(resource.key)
        self.of = cache(self._of)

    def _of(self, workload: Workload) -> Mapping[str, list[str]]:
        """Keys of what holds for the workload, by the declaration that makes it."""
        found: dict[str, list[str]] = defaultdict(list)
        # What stands in the root namespace holds for every namespace.
        for namespace in dict.fromkeys((ROOT_NAMESPACE, workload.namespace)):
            for declaration, keys in self._of_namespace.get(namespace, {}).items():
                found[declaration] += keys
            for label in workload.labels:
                for selector, declaration, key in self._selecting.get((namespace, label), ()):
                    if workload.is_selected_by(selector):
                        found[declaration].append(key)
        return found

    def of_whole(self, namespace: str) -> Mapping[str, list[str]]:
        """Keys of what holds for every workload of the namespace and for no others, by the declaration."""
        return self._of_namespace.get(namespace, {})

    def anywhere_in(self, namespace: str) -> Mapping[str, list[str]]:
        """Keys of everything in the namespace, by the declaration: for a workload whose labels are not known."""
        return self._in_namespace.get(namespace, {})


def _selector(spec: Guard) -> Mapping[str, str]:
    if isinstance(spec, EnvoyFilter):
        return {} if spec.workload_selector is None else spec.workload_selector.labels
    return {} if spec.selector is None else spec.selector.match_labels
