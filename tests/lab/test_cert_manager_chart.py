"""What cert-manager's own chart makes of the values, and whether its definitions take what is declared.

Rendered by Helm, which holds the values against the chart's schema. No cluster is needed.
"""

from __future__ import annotations

import functools
import json
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from chatgpt_mesh.components.cert_manager import values
from chatgpt_mesh.components.specs.cert_manager import REACHED, RELEASE, CertManagerSpec
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from lab.screen import Screen
from lab.toolchain import MODULES, Toolchain, module_version
from tests.unit.mesh.stack import TODAY
from tests.unit.random_stacks import TAKES_LONG, meshes

if TYPE_CHECKING:
    from collections.abc import Mapping

Objects = list[dict[str, Any]]


@functools.cache
def rendered(text: str = "{}") -> Objects:
    toolchain = Toolchain()
    toolchain.ensure(["helm"], Screen())
    toolchain.ensure_source("cert-manager", Screen())
    command = [str(toolchain.path("helm")), "template", "cert-manager", str(toolchain.cert_manager_chart)]
    options = ["--namespace=cert-manager", "--kube-version=1.35.0", "--values=-"]
    spec = CertManagerSpec.model_validate(yaml.safe_load(text))
    done = subprocess.run(
        [*command, *options], input=json.dumps(values(spec)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.load_all(done.stdout, yaml.CSafeLoader) if found]


def of_kind(kind: str, text: str = "{}") -> Objects:
    return [found for found in rendered(text) if found["kind"] == kind]


def test_the_version_that_is_asked_for_is_the_one_that_is_tested() -> None:
    go_mod = (MODULES / "cert-manager" / "go.mod").read_text(encoding="utf-8")
    assert module_version(go_mod, "github.com/cert-manager/cert-manager") == RELEASE


def test_each_part_survives_the_loss_of_a_node() -> None:
    parts = of_kind("Deployment")
    assert len(parts) == len(of_kind("PodDisruptionBudget")) == 3
    for part in parts:
        assert part["spec"]["replicas"] == 2
        template = part["spec"]["template"]
        for constraint in template["spec"]["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_no_hook_is_there_that_pulumi_would_drop() -> None:
    annotated = [found["metadata"].get("annotations") or {} for found in rendered()]
    assert not [key for keys in annotated for key in keys if key.startswith("helm.sh/hook")]


def test_nothing_of_it_is_in_kube_system() -> None:
    assert {found["metadata"].get("namespace", "cert-manager") for found in rendered()} == {"cert-manager"}


def test_its_ports_alone_can_be_reached_and_it_reaches_what_issues() -> None:
    policies = of_kind("NetworkPolicy")
    assert [kind for found in policies for kind in found["spec"]["policyTypes"]].count("Ingress") == 3
    out = [rule for found in policies for rule in found["spec"].get("egress", ())]
    assert {port["port"] for rule in out for port in rule["ports"]} == {*REACHED, 53}


def test_its_definitions_stay() -> None:
    definitions = of_kind("CustomResourceDefinition")
    assert len(definitions) == 6
    assert {found["metadata"]["annotations"]["helm.sh/resource-policy"] for found in definitions} == {"keep"}


@pytest.mark.parametrize(
    "text",
    [
        "{replicas: 1, network_policies: false}",
        "{service_account: issuer, google_service_account: cert-manager@acme-dns.iam.gserviceaccount.com}",
        "{images: {hub: registry.example.com/mirror/jetstack, tag: v1.21.2, pull_policy: Always}}",
        "{resources: {cpu: 1m, memory: 64Mi, cpu_limit: null, memory_limit: null}}",
    ],
)
def test_every_setting_is_one_that_the_chart_takes(text: str) -> None:
    assert rendered(text)


def test_images_come_from_where_they_are_said_to_be() -> None:
    text = "{images: {hub: registry.example.com/mirror/jetstack, tag: v9}}"
    for part in of_kind("Deployment", text):
        (container,) = part["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("registry.example.com/mirror/jetstack/cert-manager-")
        assert container["image"].endswith(":v9")
        solvers = [flag for flag in container["args"] if flag.startswith("--acme-http01-solver-image=")]
        assert all(
            flag.endswith("=registry.example.com/mirror/jetstack/cert-manager-acmesolver:v9") for flag in solvers
        )


@functools.cache
def validators() -> Mapping[str, Any]:
    """By kind. The API server drops fields that a definition does not have, so here they are mistakes."""
    found: dict[str, Any] = {}
    for definition in of_kind("CustomResourceDefinition"):
        (version,) = definition["spec"]["versions"]
        schema = closed(version["schema"]["openAPIV3Schema"])
        schema["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
        found[definition["spec"]["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return found


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@settings(max_examples=100, suppress_health_check=TAKES_LONG)
@given(meshes(most=1))
def test_its_definitions_take_every_issuer_and_certificate_that_can_be_declared(stack: dict[str, Any]) -> None:
    mesh = Mesh(MeshSpec.model_validate_json(json.dumps(stack)), TODAY)
    for owned in mesh.objects:
        manifest = owned.resource.to_dict()
        if manifest["apiVersion"].startswith("cert-manager.io/"):
            mistakes = [error.message for error in validators()[manifest["kind"]].iter_errors(manifest)]
            assert not mistakes, f"{owned.resource.key}: {mistakes}"


def test_that_oracle_sees_a_misspelt_field() -> None:
    manifest: dict[str, Any] = {
        "spec": {"acme": {"server": "https://a.example.com", "privateKeySecretRef": {"name": "a"}}}
    }
    assert not list(validators()["ClusterIssuer"].iter_errors(manifest))
    manifest["spec"]["acme"]["mail"] = "platform@example.com"
    assert list(validators()["ClusterIssuer"].iter_errors(manifest))
