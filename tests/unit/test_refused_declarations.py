"""Whole stacks with one value that must not pass, each judged by the whole path: settings, mesh, charts, linter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.surroundings import ROOT
from tests.unit.stack.hostile_values import judge

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

DECLARATIONS = ROOT / "tests" / "fixtures" / "declarations"

SENTENCES = {
    "duration-of-thousands-of-years": 'apps.weather.longest_call: must be between "1s" and "24h"',
    "egress-public-address": "egress.allow[0].address: must be of a private network",
    "header-formatter-unknown": "apps.weather.routes[0].headers.request.set.x-a: %FOO% is no operator",
    "istio-namespace": "istio_namespace: is not a setting",
    "label-value": "apps.weather.labels.app: must be a value of a Kubernetes label",
    "namespace-default": "apps.weather.namespace: is where whatever names no namespace lands",
    "origin-port": "apps.weather.cors.origins[0]: must have a port from 1 to 65535",
    "percent-in-header": "apps.weather.routes[0].headers.response.set.x-discount: has a single %",
    "provider-nobody-declares": "objects[0].spec.provider.name: is no declared authorizer; there are: none. Declare it",
    "quantity": "istio.control_plane.resources.cpu: must be processors as Kubernetes writes them",
    "raw-entry-hidden-by-sidecar": "objects[0].spec.hosts: would be seen by no app here",
    "redirect-without-location": "apps.weather.routes[0].respond.status: is a redirect, and no location says where to",
    "second-name-of-mcp": "apps.orders.routes[0].rewrite: leads to the MCP endpoint /mcp under a second name",
    "trust-domain-star": "trust_domain: must be a trust domain",
}
"""By file, what the first sentence about it begins with."""

# Kinds of mistakes beside those of the files: what is merged over a sound stack, and the sentence.
CHANGES = [
    (
        {"istio": {"version": "1.32.0"}},
        "istio.version: is not known here: which Kubernetes Istio 1.32 runs on is not written down",
    ),
    ({"istio": {"version": "1.28.3"}}, "istio.version: must be 1.29.7 or newer"),
    (
        {"istio": {"version": "1.31.4", "revisions": {"default": "1.29.9", "new": "1.31.4"}, "injection": "new"}},
        "istio.revisions.new: is more than one minor above istio.revisions.default (1.29.9); upgrade by the minor",
    ),
    (
        {"istio": {"version": "1.30.8", "revisions": {"default": "1.30.8", "new": "1.31.4"}, "injection": "default"}},
        "istio.version: is older than istio.revisions.new: definitions and the CNI plugin",
    ),
    ({"apps": {"weather": {"namespace": "kube-public"}}}, "apps.weather.namespace: belongs to Kubernetes"),
    ({"gateways": {"public": {"namespace": "kube-system"}}}, "gateways.public.namespace: belongs to Kubernetes"),
    ({"gateways": {"public": {"namespace": "default"}}}, "gateways.public.namespace: is where whatever names no"),
    (
        {"security": {"exceptions": [{"until": "2030-01-01"}]}},
        "security.exceptions[0].until: is years away, and a date ends what somebody has to end; name a day within two "
        "years of today (2026-11-24)",
    ),
    (
        {"security": {"exceptions": [{"from_networks": ["0.0.0.0/0"]}]}},
        "security.exceptions[0].from_networks: are every address there is",
    ),
    (
        {"security": {"exceptions": [{"from_networks": ["0.0.0.0/1", "128.0.0.0/1"]}]}},
        "security.exceptions[0].from_networks: are every address there is",
    ),
    ({"security": {"exceptions": [{"why": " "}]}}, "security.exceptions[0].why: must be text on one line, not empty"),
    (
        {"accept": [{"code": "MCP315", "object": "Gateway/a/b", "until": "2035-01-01", "why": "a"}]},
        "accept[0].until: is years away",
    ),
    (
        {"gateways": {"public": {"workload": {"resources": {"memory": "512m"}}}}},
        "gateways.public.workload.resources.memory: must be memory as Kubernetes writes it",
    ),
    (
        {"gateways": {"public": {"workload": {"resources": {"memory": "2Gi"}}}}},
        "gateways.public.workload.resources.memory_limit: must be at least memory, which is 2Gi (given: '1Gi')",
    ),
    (
        {"apps": {"weather": {"routes": [{"exact": "/a", "respond": {"status": 200, "body": "a" * 5000}}]}}},
        "apps.weather.routes[0].respond.body: must have 4096 bytes at most, and has 5000",
    ),
    (
        {"apps": {"weather": {"resilience": {"pool": {"pending": 2**31}}}}},
        "apps.weather.resilience.pool.pending: must be 2147483647 or less (given: 2147483648)",
    ),
    (
        {"telemetry": {"tracing": {"provider": "a", "tags": {"b": {"literal": ""}}}}},
        "telemetry.tracing.tags.b.literal: must be text on one line, not empty",
    ),
    (
        {"telemetry": {"access_log": {"fields": {"a": "%COMMON_DURATION%"}}}},
        "telemetry.access_log.fields.a: ",
    ),
    ({"apps": {"weather": {"labels": {"app": "a" * 64}}}}, "apps.weather.labels.app: must be a value of a Kubernetes"),
    ({"gateways": {"public": {"release": "a" * 54}}}, "gateways.public.release: must have 53 characters at most"),
    (
        {"apps": {"weather": {"routes": [{"prefix": "/a/", "rewrite": "/"}]}}},
        "apps.weather.routes[0].rewrite: leads to the MCP endpoint /mcp under a second name",
    ),
]

EXCEPTION: dict[str, Any] = {
    "workload": "weather",
    "namespace": "weather",
    "port": 8080,
    "until": "2027-01-31",
    "why": "Prometheus",
    "from_networks": ["10.0.0.0/8"],
}


def project(directory: Path) -> Path:
    (directory / "Pulumi.yaml").write_text("name: test\nruntime: python\n", encoding="utf-8")
    return directory


def declared(name: str) -> dict[str, Any]:
    text = (DECLARATIONS / f"refuse-{name}.yaml").read_text(encoding="utf-8")
    return {key.partition(":")[2]: value for key, value in yaml.safe_load(text)["config"].items()}


def test_every_file_has_its_sentence() -> None:
    assert {path.stem.removeprefix("refuse-") for path in DECLARATIONS.glob("refuse-*.yaml")} == SENTENCES.keys()


@pytest.mark.parametrize("name", SENTENCES)
def test_a_declaration_is_refused(name: str, tmp_path: Path) -> None:
    first = judge(declared(name), project(tmp_path))[0]
    assert str(first).startswith(SENTENCES[name])


@pytest.mark.parametrize(("change", "sentence"), CHANGES, ids=[sentence[:60] for _, sentence in CHANGES])
def test_a_value_is_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    stack = declared("namespace-default")
    stack["apps"]["weather"]["namespace"] = "weather"
    assert judge(stack, project(tmp_path)) == []
    if "security" in change:
        change = {"security": {"exceptions": [{**EXCEPTION, **change["security"]["exceptions"][0]}]}}
    found = [str(problem) for problem in judge(merged(stack, change), project(tmp_path))]
    assert any(told.startswith(sentence) for told in found), found


def merged(stack: Any, change: Any) -> Any:
    if isinstance(stack, dict) and isinstance(change, dict):
        return {key: merged(stack.get(key), change.get(key, stack.get(key))) for key in {**stack, **change}}
    return change
