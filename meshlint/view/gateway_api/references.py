"""References of Gateway API from one object to another, and the grants for those that leave their namespace.

Sources: gateway-api.sigs.k8s.io/reference/spec (ObjectReference, ReferenceGrant)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, text
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.view.manifest import Manifest

_CORE = frozenset({"", "core"})


@dataclass(frozen=True, slots=True)
class Reference:
    """What an object refers to. The group of Kubernetes' own kinds is empty."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def read(cls, raw: Json, namespace: str, *, kind: str = "", group: str = "") -> Reference:
        """`namespace`, `kind` and `group` hold where the reference does not say another."""
        named = text(raw, "group") if isinstance(raw.get("group"), str) else group
        return cls(
            "" if named in _CORE else named,
            text(raw, "kind") or kind,
            text(raw, "namespace") or namespace,
            text(raw, "name"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def is_service(self) -> bool:
        return self.kind == "Service" and self.group == ""

    @property
    def is_gateway(self) -> bool:
        return self.kind == "Gateway" and self.group == GATEWAY_API


@dataclass(frozen=True, slots=True)
class Grant:
    """One pair that a ReferenceGrant lets through: objects of a kind and namespace may refer to those of another."""

    from_kind: str
    from_namespace: str
    to_group: str
    to_kind: str
    to_namespace: str
    to_name: str
    """Empty for every name."""

    def lets(self, kind: str, namespace: str, to: Reference) -> bool:
        """Whether an object of Gateway API of a kind and namespace may refer to something."""
        return (
            (self.from_kind, self.from_namespace) == (kind, namespace)
            and (self.to_group, self.to_kind, self.to_namespace) == (to.group, to.kind, to.namespace)
            and self.to_name in ("", to.name)
        )


def grants_of(obj: Manifest) -> Iterator[Grant]:
    """The pairs of one ReferenceGrant. It stands in the namespace of what is referred to."""
    for source in elements(obj.spec, "from"):
        if text(source, "group") != GATEWAY_API:
            continue
        for target in elements(obj.spec, "to"):
            group = text(target, "group")
            yield Grant(
                text(source, "kind"), text(source, "namespace"), "" if group in _CORE else group,
                text(target, "kind"), obj.namespace, text(target, "name"),
            )  # fmt: skip
