"""Declarations for tests, written as in a stack file."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.graph import Graph
from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.mesh.objects.owned import Owned
    from chatgpt_mesh.mesh.specs.problem import Problem

TODAY = date(2026, 11, 24)

GATEWAYS = """
public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
out: {kind: egress}
"""

APPS = """
chatgpt-mcp:
  namespace: chatgpt-production
  host: chatgpt-mcp.example.com
  gateway: public
  service: {port: 8080}
  mcp: {}
  open: true
  callers: [{app: chatgpt-frontend}, {service_account: batch, namespace: jobs}]
chatgpt-api:
  namespace: chatgpt-production
  service: {port: 8080}
  callers: [{app: chatgpt-mcp, paths: [/v1/chat]}]
chatgpt-frontend:
  namespace: chatgpt-frontend
"""


def declaration(*, gateways: str = GATEWAYS, apps: str = APPS, objects: str = "[]", **rest: str) -> MeshSpec:
    def read(text: str) -> Any:
        return yaml.safe_load(text) or {}

    sections = {name: read(rest.get(name, "")) for name in ("security", "egress", "telemetry")}
    return MeshSpec.model_validate(
        {"gateways": read(gateways), "apps": read(apps), "objects": yaml.safe_load(objects), **sections}
    )


def graph(**sections: str) -> Graph:
    return Graph(declaration(**sections))


def mistakes(**sections: str) -> list[str]:
    return sentences(problems(declaration(**sections), TODAY))


def sentences(problems: Iterable[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def by_key(objects: Iterable[Owned]) -> dict[str, dict[str, Any]]:
    """Specs as Istio takes them, by KIND/NAMESPACE/NAME."""
    return {owned.resource.key: owned.resource.to_dict()["spec"] for owned in objects}


def owners(objects: Iterable[Owned]) -> dict[str, str]:
    return {owned.resource.key: owned.owner for owned in objects}
