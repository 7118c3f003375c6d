"""What a stack allows until a day, and where it says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.mesh.build import Mesh


@dataclass(frozen=True, slots=True)
class DatedException:
    """One exception; after its last day the program stops."""

    declared_at: str
    until: date
    what: str

    def inputs(self) -> dict[str, str]:
        """As inputs of a resource, so that previews show a change of it and a policy pack can judge it."""
        return {"declared_at": self.declared_at, "until": self.until.isoformat(), "what": self.what}


def dated_exceptions(mesh: Mesh, accepted: Iterable[AcceptedRiskSpec]) -> Iterator[DatedException]:
    for index, one in enumerate(mesh.spec.security.exceptions):
        what = f"port {one.port} of {one.workload} in {one.namespace} takes plaintext"
        yield DatedException(f"security.exceptions[{index}]", one.until, what)
    for index, risk in enumerate(accepted):
        yield DatedException(f"accept[{index}]", risk.until, f"{risk.code} of {risk.object} is accepted")
