"""At what a policy is aimed by `targetRefs`, and whether that reaches a proxy.

Sources: istio.io/latest/docs/reference/config/type/workload-selector (PolicyTargetReference); the pairing of policies
and proxies is istiod's (pilot/pkg/model/policyattachment.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping
from meshlint.view.gateway_api.listeners import GATEWAY_NAME
from meshlint.view.gateway_api.references import Reference
from meshlint.view.kubernetes import selects
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

WAYPOINT_CLASS = "istio-waypoint"


def targets_of(obj: Manifest) -> list[Json]:
    """The references of a policy, as written."""
    return elements(obj.spec, "targetRefs") or ([mapping(obj.spec, "targetRef")] if obj.spec.get("targetRef") else [])


def references_of(obj: Manifest) -> list[Reference]:
    """The same, read: a target is in the policy's own namespace, whatever it says."""
    return [Reference.read(raw, obj.namespace) for raw in targets_of(obj)]


def is_attached(
    obj: Manifest, selector: dict[str, str], *, namespace: str, labels: dict[str, str], root: str,
    waypoint_of: Iterable[Reference] = (),
) -> bool:  # fmt: skip
    """Whether a policy holds for pods in a namespace, with these labels.

    `waypoint_of` names the Services or ServiceEntries whose requests the pods take as a waypoint; empty: they are none.
    The policy's namespace is the pods' own or the root namespace; the caller has seen to that.
    """
    references = references_of(obj)
    served = tuple(waypoint_of)
    name = labels.get(GATEWAY_NAME)
    if name is None:
        return not references and selects(selector, labels)
    if not references:
        # No selector reaches a waypoint.
        return not served and selects(selector, labels)
    return any(_is_at(one, obj, namespace, name, root, served) for one in references)


def _is_at(
    target: Reference, obj: Manifest, namespace: str, name: str, root: str, served: tuple[Reference, ...]
) -> bool:
    if served and target in served and target.namespace == obj.namespace:
        return True
    if served and (target.group, target.kind, target.name) == (GATEWAY_API, "GatewayClass", WAYPOINT_CLASS):
        return obj.namespace == root
    return target.is_gateway and obj.namespace == namespace == target.namespace and target.name == name
