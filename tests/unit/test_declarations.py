"""Declarations that teams write, as whole stack files, and what the whole path says of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from tests.surroundings import ROOT, surroundings
from tests.unit.golden import product

pytestmark = pytest.mark.unit

HERE = ROOT / "tests" / "fixtures" / "declarations"

OUTCOMES: dict[str, tuple[str, ...]] = {
    "app-keep-alive": (),
    "anonymous-beside-tokens": (),
    "anonymous-by-header": ("apps.orders.auth.anonymous: is decided by what the body calls",),
    "app-nobody-calls-yet": (),
    "argo-rollouts-new-app": (),
    "client-keepalive": (),
    "egress-host-on-two-ports": (),
    "egress-private-address": (),
    "egress-tcp": (),
    "era-modern": (),
    "exception-for-workload-that-is-no-app": (),
    "exception-on-metrics-port": (),
    "external-authorization": (),
    "fixed-answer": (),
    "flagger-beside-others": (
        "apps.forecasts.rollout.managed_by: flagger serves from a copy of the Deployment, in which the label that this",
    ),
    "flagger-with-auth": (
        "apps.weather.rollout.managed_by: flagger makes the routes of this host, and its routes keep no MCP sessions",
        "apps.weather.rollout.managed_by: flagger makes the routes of this host, and its routes answer no 401",
        "apps.weather.rollout.managed_by: flagger serves from a copy of the Deployment, in which the label that this",
    ),
    "gateway-release-of-own-name": (),
    "istio-namespace": ("istio_namespace: is not a setting",),
    "maintenance": (),
    "key-rotation": (),
    "key-rotation-by-variable": (),
    "key-rotation-said-twice": (
        "istio.control_plane.environment.PILOT_JWT_PUB_KEY_REFRESH_INTERVAL: is what jwks_refresh sets; remove it",
    ),
    "mcp-and-rest-with-tokens": (),
    "redirects": (),
    "request-size-limit": (),
    "response-headers": (),
    "load-balancer-away": (
        "gateways.public.workload.service.external_traffic_policy: is Cluster: the gateway sees nodes instead of "
        "clients, in limits, policies and logs. Write Local, and soon: on GKE a change of this setting, either way, "
        "takes the gateway's load balancer away for minutes",
    ),
    "rate-limit-tiers": (),
    "rest-api-with-tokens-and-no-mcp-app": (),
    "scopes-in-scp": (),
    "scp-as-claim": (),
    "second-public-gateway": (),
    "service-port-80": (),
    "three-versions-by-header": (),
    "web-ui-fallback": (),
    "tokens-without-aud": (),
    "tools-of-the-legacy-era": (),
    "well-known-page-twice": (
        "apps.orders.well_known.openai_apps_challenge: is answered at /.well-known/openai-apps-challenge, which routes",
    ),
    "well-known-pages": (),
    "tokens-without-aud-or-client": ("apps.orders.auth.issuers[0].audiences: is empty, and without `aud`",),
}
"""By file: how each sentence begins, of which there are as many; none where the stack goes through in silence."""


@pytest.fixture(autouse=True, scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with surroundings(tmp_path_factory.mktemp("declarations") / "machine"):
        yield


def said(path: Path) -> list[str]:
    """Everything that the program says of a stack file: mistakes, errors, warnings."""
    try:
        built = product.of_file(path)
    except InvalidConfig as mistakes:
        return [str(problem) for problem in mistakes.problems]
    return [*built.findings(), *map(str, built.mesh.warnings), *map(str, built.settings.warnings(product.TODAY))]


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_program_says_no_more_and_no_less(name: str) -> None:
    sentences = said(HERE / f"{name}.yaml")
    assert len(sentences) == len(OUTCOMES[name]), "\n".join(sentences)
    for sentence, beginning in zip(sentences, OUTCOMES[name], strict=True):
        assert sentence.startswith(beginning)
