"""The outputs of the other cluster's stack, read before anything is registered.

As those of a platform's stack are read for a team's (`stack.granted_by`), with one difference: it may not be there yet,
since of two stacks that name each other one comes first. A stack that is there and cannot be read is a mistake all the
same: to go on without it would part two clusters that are connected.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.specs import multi_cluster, peer
from chatgpt_mesh.components.specs.path_setting import expand
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.stack import granted_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.components.specs.peer import PeerSpec

    Reader = Callable[[PeerSpec], "tuple[Mapping[str, Any] | None, str | None]"]
    """Of `peer` its stack's outputs, none where it is not there yet, or a sentence that says why it cannot be read."""

PATH = f"{multi_cluster.PATH}.peer"

NO_SUCH_STACK = "unknown stack"
"""What Pulumi's engine says of a stack that is not there."""

NOTHING_YET = "which has no outputs"


def connected(istio: IstioSpec, reader: Reader, own: str | None) -> tuple[IstioSpec, list[Problem]]:
    """The same settings with what the other cluster's outputs say, and what is wrong with those.

    `own` is this stack as PROJECT/STACK, where that is known.
    """
    spec = istio.multi_cluster
    if spec is None or spec.peer is None:
        return istio, []
    outputs, refusal = reader(spec.peer)
    if refusal is not None:
        return istio, [Problem(PATH, refusal)]
    if outputs is None:
        return istio, []
    try:
        found = peer.from_outputs(PATH, spec.peer.stack, outputs)
    except (KeyError, TypeError):
        return istio, [
            Problem(f"{PATH}.stack", "has outputs that do not keep their contract; run its `up` again", spec.peer.stack)
        ]
    if found is None:
        return istio, []
    if isinstance(found, Problem):
        return istio, [found]
    elsewhere = None if own is None else peer.named_by_another(PATH, own, spec.peer.stack, found)
    joined = spec.model_copy(update={"peer": spec.peer.found(found)})
    return istio.model_copy(update={"multi_cluster": joined}), [] if elsewhere is None else [elsewhere]


def from_file(said: PeerSpec) -> tuple[Mapping[str, Any] | None, str | None]:
    """The outputs in the file that `peer.outputs` names; none where no file is named, or it is not written yet."""
    if said.outputs is None or not _may_be_read(said.outputs):
        return None, None
    return granted_by.from_file(said.model_dump())


def _may_be_read(path: str) -> bool:
    try:
        return Path(expand(path)).exists()
    except (OSError, ValueError):
        return True  # what it is that it cannot be, the reading says


def from_engine(said: PeerSpec) -> tuple[Mapping[str, Any] | None, str | None]:
    """The outputs of the stack, asked of Pulumi's engine."""
    outputs, refusal = granted_by.from_engine(said.model_dump())
    if refusal is not None and (NO_SUCH_STACK in refusal or NOTHING_YET in refusal):
        return None, None
    return outputs, refusal
