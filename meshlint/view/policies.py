"""Who may call whom: the policies of a mesh, by namespace and by selector."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TypeVar

from meshlint.view.objects import Objects
from meshlint.view.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from meshlint.view.selection import SelectorIndex

Guard = TypeVar("Guard", AuthorizationPolicy, RequestAuthentication, PeerAuthentication)


class Policies(Objects):
    """The objects by which Istio authenticates and authorizes."""

    @cached_property
    def authorization_policies(self) -> list[AuthorizationPolicy]:
        """Every AuthorizationPolicy."""
        return [AuthorizationPolicy.read(obj) for obj in self.istio("AuthorizationPolicy")]

    @cached_property
    def policies_by_namespace(self) -> dict[str, list[AuthorizationPolicy]]:
        """The AuthorizationPolicies of each namespace."""
        return _by_namespace(self.authorization_policies)

    @cached_property
    def policies_by_selector(self) -> SelectorIndex[AuthorizationPolicy]:
        """The AuthorizationPolicies by the pods they select; those with `targetRefs` select none."""
        return SelectorIndex(
            (found.obj.namespace, found.selector, found) for found in self.authorization_policies if not found.targets
        )

    @cached_property
    def request_authentications(self) -> list[RequestAuthentication]:
        """Every RequestAuthentication."""
        return [RequestAuthentication.read(obj) for obj in self.istio("RequestAuthentication")]

    @cached_property
    def authentications_by_selector(self) -> SelectorIndex[RequestAuthentication]:
        """The RequestAuthentications by the pods they select; those with `targetRefs` select none."""
        return SelectorIndex(
            (found.obj.namespace, found.selector, found) for found in self.request_authentications if not found.targets
        )

    @cached_property
    def authentication_namespaces(self) -> list[str]:
        """The namespaces that have a RequestAuthentication."""
        return list(dict.fromkeys(found.obj.namespace for found in self.request_authentications))

    @cached_property
    def peer_authentications(self) -> list[PeerAuthentication]:
        """Every PeerAuthentication."""
        return [PeerAuthentication.read(obj) for obj in self.istio("PeerAuthentication")]

    @cached_property
    def _peers_by_selector(self) -> SelectorIndex[PeerAuthentication]:
        return SelectorIndex((found.obj.namespace, found.selector, found) for found in self.peer_authentications)

    @cached_property
    def _targeted_policies(self) -> dict[str, list[AuthorizationPolicy]]:
        return _by_namespace([found for found in self.authorization_policies if found.targets])

    @cached_property
    def _targeted_authentications(self) -> dict[str, list[RequestAuthentication]]:
        return _by_namespace([found for found in self.request_authentications if found.targets])

    def policies_near(self, namespace: str, labels: dict[str, str]) -> list[AuthorizationPolicy]:
        """The AuthorizationPolicies of a namespace that select such pods or have `targetRefs`, by name."""
        targeted = self._targeted_policies.get(namespace, ())
        return _by_name([*targeted, *self.policies_by_selector.applying(namespace, labels)])

    def authentications_near(self, namespace: str, labels: dict[str, str]) -> list[RequestAuthentication]:
        """The RequestAuthentications of a namespace that select such pods or have `targetRefs`, by name."""
        targeted = self._targeted_authentications.get(namespace, ())
        return _by_name([*targeted, *self.authentications_by_selector.applying(namespace, labels)])

    def peers_near(self, namespace: str, labels: dict[str, str]) -> list[PeerAuthentication]:
        """The PeerAuthentications of a namespace that select such pods, by name."""
        return _by_name(self._peers_by_selector.applying(namespace, labels))


def _by_name(found: list[Guard]) -> list[Guard]:
    return sorted(found, key=lambda one: one.obj.name)


def _by_namespace(found: list[Guard]) -> dict[str, list[Guard]]:
    ordered: dict[str, list[Guard]] = defaultdict(list)
    for one in found:
        ordered[one.obj.namespace].append(one)
    return ordered
