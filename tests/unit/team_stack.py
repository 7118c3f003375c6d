"""A platform's stack with two grants and a team's stack on it, for the tests of both."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.components.outputs import outputs
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack.settings import Settings, read
from tests.surroundings import KEY_SET

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = "https://auth.example.com"
PLATFORM = "acme/platform/prod"

BILLING: dict[str, Any] = {
    "namespaces": ["billing"],
    "hosts": ["*.billing.example.com"],
    "gateways": ["public"],
    "issuers": [{"issuer": ISSUER, "jwks": KEY_SET}],
    "egress": ["api.stripe.com"],
    "accounts": [{"service_account": "deploy", "namespace": "ci"}],
}
TRAVEL: dict[str, Any] = {
    "namespaces": ["travel"],
    "hosts": ["travel.example.com"],
    "gateways": ["public"],
    "issuers": [{"issuer": ISSUER, "jwks": KEY_SET}],
    "accounts": [{"group": "travel@example.com"}],
}


def platform(**changes: Any) -> dict[str, Any]:
    """Settings of a platform's stack; `changes` replace some."""
    listeners = {"web": {"hosts": ["*.example.com"], "tls": {"secret": "example-com-tls"}}}
    return {
        "cluster": {"kind": "existing", "context": "lab"},
        "istio": {"version": RELEASE},
        "gateways": {"public": {"kind": "public", "listeners": listeners}},
        "grants": {"billing": copy.deepcopy(BILLING), "travel": copy.deepcopy(TRAVEL)},
        **changes,
    }


def app(**changes: Any) -> dict[str, Any]:
    return {
        "namespace": "billing",
        "host": "invoices.billing.example.com",
        "gateway": "public",
        "service": {"port": 8080},
        "mcp": {},
        "cors": {"origins": ["https://chatgpt.com"]},
        "auth": {"issuers": [{"issuer": ISSUER}]},
        **changes,
    }


def team(outputs_file: Path, **changes: Any) -> dict[str, Any]:
    """Settings of the stack of the team billing."""
    return {
        "cluster": {"kind": "existing", "context": "lab"},
        "granted_by": {"stack": PLATFORM, "team": "billing", "outputs": str(outputs_file)},
        "apps": {"invoices": app()},
        **changes,
    }


def settings_of(values: dict[str, Any]) -> Settings:
    return read(copy.deepcopy(values), dates.today())


def exported(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The outputs of a platform's stack."""
    stack = settings_of(values or platform())
    mesh = Mesh(stack, dates.today())
    return json.loads(json.dumps(outputs(stack.istio, mesh, stack.istio.injects, made=[], needs=())))


def mistakes(values: dict[str, Any]) -> dict[str, str]:
    """The sentences that refuse a stack, by path."""
    with pytest.raises(InvalidConfig) as refused:
        settings_of(values)
    return {problem.path: str(problem) for problem in refused.value.problems}


def manifests(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The objects of a stack, by KIND/NAMESPACE/NAME."""
    mesh = Mesh(settings_of(values), dates.today())
    return {owned.resource.key: owned.resource.to_dict() for owned in mesh.objects}
