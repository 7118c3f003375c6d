"""An Istio object together with the declaration it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from istio_api.resource import Resource


@dataclass(frozen=True, slots=True)
class Owned:
    """`owner` is the path of the spec in the stack file, such as `apps.chatgpt-mcp`."""

    resource: Resource
    owner: str
