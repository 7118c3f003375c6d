"""Declarations for tests, written as in a stack file."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.app import AppSpec
from chatgpt_mesh.mesh.egress import EgressSpec
from chatgpt_mesh.mesh.gateways import GatewaySpec
from chatgpt_mesh.mesh.graph import Graph, Parts
from chatgpt_mesh.mesh.raw_objects import RawObjectSpec
from chatgpt_mesh.mesh.security import SecuritySpec
from chatgpt_mesh.mesh.telemetry import TelemetrySpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.mesh.owned import Owned
    from chatgpt_mesh.mesh.problem import Problem

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
  callers: [{app: chatgpt-mcp}]
chatgpt-frontend:
  namespace: chatgpt-frontend
"""


def parts(*, gateways: str = GATEWAYS, apps: str = APPS, objects: str = "[]", **rest: str) -> Parts:
    def read(text: str) -> Any:
        return yaml.safe_load(text) or {}

    return Parts(
        today=TODAY,
        gateways={name: GatewaySpec.model_validate(spec) for name, spec in read(gateways).items()},
        apps={name: AppSpec.model_validate(spec) for name, spec in read(apps).items()},
        security=SecuritySpec.model_validate(read(rest.get("security", ""))),
        egress=EgressSpec.model_validate(read(rest.get("egress", ""))),
        telemetry=TelemetrySpec.model_validate(read(rest.get("telemetry", ""))),
        objects=tuple(RawObjectSpec.model_validate(manifest) for manifest in yaml.safe_load(objects)),
    )


def graph(**sections: str) -> Graph:
    return Graph(parts(**sections))


def sentences(problems: Iterable[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def by_key(objects: Iterable[Owned]) -> dict[str, dict[str, Any]]:
    """Specs as Istio takes them, by KIND/NAMESPACE/NAME."""
    return {owned.resource.key: owned.resource.to_dict()["spec"] for owned in objects}


def owners(objects: Iterable[Owned]) -> dict[str, str]:
    return {owned.resource.key: owned.owner for owned in objects}
