"""Which control plane injects sidecars into namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Which istiod injects sidecars into a namespace: the only one, or the one of a revision or tag.

    A namespace has one of the two labels. With both, `istio-injection` wins and the revision is ignored in silence.
    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
    """

    revision: str | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        return {"istio.io/rev": self.revision} if self.revision else {"istio-injection": "enabled"}
