"""The objects of a run, by kind and by namespace."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from meshlint.view.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
    from datetime import date

    from meshlint.environment import Environment

T = TypeVar("T")


class Objects:
    """Which objects there are. Every part of the view stands on this one."""

    def __init__(self, objects: Iterable[Mapping[str, Any]], *, environment: Environment, today: date) -> None:
        self.environment = environment
        self.today = today
        self.objects: list[Manifest] = [Manifest(raw, index) for index, raw in enumerate(objects)]
        self.by_kind: dict[str, list[Manifest]] = defaultdict(list)
        for obj in self.objects:
            self.by_kind[obj.kind].append(obj)
        self._known: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of these objects, which never change: made at the first call with a key."""
        if key not in self._known:
            self._known[key] = make()
        return cast("T", self._known[key])

    def remember(self, key: Hashable, value: object) -> None:
        """Let `once` answer with this from now on: what another version of the same mesh lets assume."""
        self._known[key] = value

    def istio(self, kind: str) -> list[Manifest]:
        """Istio's objects of a kind, not those of another API that shares its name (Gateway API, Knative).

        By name, so that what a rule says does not depend on the order of files.
        """
        return self._istio_by_kind.get(kind, [])

    @cached_property
    def _istio_by_kind(self) -> dict[str, list[Manifest]]:
        return {
            kind: sorted((obj for obj in found if obj.is_istio), key=lambda obj: (obj.namespace, obj.name))
            for kind, found in self.by_kind.items()
        }

    def shows(self, *kinds: str) -> bool:
        """Whether objects of one of these kinds are in sight, or all objects there are: then one that is not does not
        exist."""
        return self.environment.whole_mesh or any(self.by_kind.get(kind) for kind in kinds)

    def shows_namespace(self, namespace: str, *, but: Collection[str] = ()) -> bool:
        """Whether objects of that namespace are in sight, of other kinds than these, or all objects there are."""
        return self.environment.whole_mesh or not self._kinds_by_namespace.get(namespace, set()) <= set(but)

    @cached_property
    def _kinds_by_namespace(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for obj in self.objects:
            if obj.namespace:
                found[obj.namespace].add(obj.kind)
        return found

    @cached_property
    def namespaces(self) -> dict[str, Manifest]:
        """The Namespace objects by name."""
        return {obj.name: obj for obj in self.by_kind.get("Namespace", ())}

    @cached_property
    def namespace_names(self) -> frozenset[str]:
        """Namespaces that exist, or that some object is in."""
        return frozenset(self.namespaces) | {obj.namespace for obj in self.objects if obj.namespace}
