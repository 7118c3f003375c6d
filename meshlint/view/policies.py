"""Who may call whom: the policies of a mesh, by namespace and by selector."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from meshlint.view.objects import Objects
from meshlint.view.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from meshlint.view.selection import SelectorIndex


class Policies(Objects):
    """The objects by which Istio authenticates and authorizes."""

    @cached_property
    def authorization_policies(self) -> list[AuthorizationPolicy]:
        """Every AuthorizationPolicy."""
        return [AuthorizationPolicy.read(obj) for obj in self.istio("AuthorizationPolicy")]

    @cached_property
    def policies_by_namespace(self) -> dict[str, list[AuthorizationPolicy]]:
        """The AuthorizationPolicies of each namespace."""
        found: dict[str, list[AuthorizationPolicy]] = defaultdict(list)
        for policy in self.authorization_policies:
            found[policy.obj.namespace].append(policy)
        return found

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
    def authentications_by_namespace(self) -> dict[str, list[RequestAuthentication]]:
        """The RequestAuthentications of each namespace."""
        found: dict[str, list[RequestAuthentication]] = defaultdict(list)
        for authentication in self.request_authentications:
            found[authentication.obj.namespace].append(authentication)
        return found

    @cached_property
    def authentication_namespaces(self) -> list[str]:
        """The namespaces that have a RequestAuthentication."""
        return list(dict.fromkeys(found.obj.namespace for found in self.request_authentications))

    @cached_property
    def peer_authentications(self) -> list[PeerAuthentication]:
        """Every PeerAuthentication."""
        return [PeerAuthentication.read(obj) for obj in self.istio("PeerAuthentication")]

    @cached_property
    def peers_by_namespace(self) -> dict[str, list[PeerAuthentication]]:
        """The PeerAuthentications of each namespace."""
        found: dict[str, list[PeerAuthentication]] = defaultdict(list)
        for peer in self.peer_authentications:
            found[peer.obj.namespace].append(peer)
        return found
