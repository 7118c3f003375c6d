"""Istio's own verdict on objects: its validating webhook's, and the API server's by Istio's CRDs."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the webhook, and why the API server, refuses an object; empty if it does not."""

    webhook: tuple[str, ...]
    crd: tuple[str, ...]

    @property
    def refused(self) -> bool:
        return bool(self.webhook or self.crd)

    @property
    def message(self) -> str:
        """The first reason, without what is particular to one object."""
        return normalised((self.webhook or self.crd)[0])


_PARTICULAR = re.compile(r'"[^"]*"|\'[^\']*\'|`[^`]*`|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|\S*[0-9.:/*=~]\S*')


def normalised(message: str) -> str:
    """A message without names and numbers: the same for every object that is refused for the same reason."""
    message = re.sub(r"^invalid policy [^:]*: ", "", message)
    message = re.sub(r"^\w+/[^/]*/[^:]*: ", "", message)
    return " ".join(_PARTICULAR.sub("_", message).split())[:120]


def verdicts(program: Path, crds: Path, objects: Sequence[Any]) -> list[Verdict]:
    """The verdict on each object, in their order."""
    lines = "".join(json.dumps(one) + "\n" for one in objects)
    done = subprocess.run([str(program), str(crds)], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == len(objects), done.stderr[-2000:]
    return [Verdict(tuple(answer["webhook"]), tuple(answer["crd"])) for answer in answers]
