"""The lab runs the declaration of another stack: only what one machine must have otherwise may differ."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.certificate_issuers import CertificateIssuerSpec
from chatgpt_mesh.stack import settings, stack_files
from lab.stack import CERTIFICATES_FILE, issues_certificates, lab_stack
from tests.surroundings import ROOT, surroundings
from tests.unit.golden.differences import differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 24)

MAY_DIFFER = (
    # The issuer's keys are made by the lab, and stand in the object instead of being fetched.
    r"RequestAuthentication/[^ ]+ spec\.jwtRules\[\d+\]\.(jwks|jwksUri)",
    # One gateway replica has the share of all of them.
    r"EnvoyFilter/[^ ]+-rate-limits spec\.configPatches\[\d+\].*\.(max_tokens|tokens_per_fill|maxTokens|tokensPerFill)",
)
"""`KIND/NAMESPACE/NAME PATH` of everything in which the objects of the lab may differ from those of its parent."""


def objects(stack_file: Path) -> Mapping[str, dict[str, Any]]:
    mesh = Mesh(settings.load_stack(stack_file, TODAY), TODAY)
    return {owned.resource.key: owned.resource.to_dict() for owned in mesh.objects}


@pytest.mark.parametrize("parent", ["staging", "prod"])
def test_only_what_one_machine_must_have_otherwise_differs(parent: str, tmp_path: Path) -> None:
    lab_file = tmp_path / "Pulumi.lab.yaml"
    with surroundings(tmp_path / "machine"):
        lab_file.write_text(yaml.safe_dump(lab_stack(own(), parent, declared(parent))), encoding="utf-8")
        lab, whole = objects(lab_file), objects(ROOT / f"Pulumi.{parent}.yaml")
    assert whole.keys() == lab.keys()
    found = {f"{key} {differing.path}" for key in lab for differing in differences(whole.get(key), lab[key])}
    assert not [place for place in found if not any(re.fullmatch(allowed, place) for allowed in MAY_DIFFER)]
    unused = [allowed for allowed in MAY_DIFFER if not any(re.fullmatch(allowed, place) for place in found)]
    assert not unused, "these no longer differ: take them off the list"


def test_every_setting_that_the_lab_overrides_is_one_that_a_machine_must() -> None:
    own = stack_files.read_stack_file(ROOT / "Pulumi.lab.yaml").values
    assert own.keys() <= {
        "extends",
        "cluster",
        "network",
        "project",
        "project_number",
        "istio",
        "gateways",
        "apps",
        "observability",
        # The issuers' keys are inline here, so nothing is found that the parent accepts.
        "accept",
    }
    assert own["gateways"].keys() == {"public", "internal", "egress"}
    assert all(gateway.keys() == {"workload"} for gateway in own["gateways"].values())
    assert own["apps"] == {"chatgpt-mcp": {"auth": {"issuers": own["apps"]["chatgpt-mcp"]["auth"]["issuers"]}}}


def own() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "Pulumi.lab.yaml").read_text(encoding="utf-8"))


def declared(stack: str) -> settings.Settings:
    return settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", TODAY)


def test_cert_manager_is_installed_where_the_environment_asks_for_it_alone(tmp_path: Path) -> None:
    with surroundings(tmp_path / "machine"):
        staging, prod = declared("staging"), declared("prod")
    assert [issues_certificates(stack) for stack in (staging, prod)] == [False, True]
    assert lab_stack(own(), "staging", staging)["config"]["chatgpt-mesh:extends"] == ["Pulumi.staging.yaml"]
    changed = lab_stack(own(), "prod", prod)
    assert changed["config"]["chatgpt-mesh:extends"] == ["Pulumi.prod.yaml", CERTIFICATES_FILE]
    assert "listeners" not in changed["config"]["chatgpt-mesh:gateways"]["public"]


ANOTHER_ZONE = {"cloud_dns": {"project": "acme-dns", "zone": "example-org"}}


@pytest.mark.parametrize(
    "change",
    [
        {"cert_manager": None},
        {"certificate_issuers": {}},
        {"certificate_issuers": {"letsencrypt": {"ca": {"secret": "company-ca"}}}},
        {"certificate_issuers": {"letsencrypt": {"acme": {"http01": {}}}}},
        {
            "certificate_issuers": {
                "letsencrypt": {"acme": {"dns01": {"cloud_dns": {"project": "acme-z", "zone": "z"}}}}
            }
        },
    ],
)
def test_the_lab_makes_those_itself_that_it_cannot_have_issued(change: dict[str, Any], tmp_path: Path) -> None:
    with surroundings(tmp_path / "machine"):
        prod = declared("prod")
    issuers = {
        name: CertificateIssuerSpec.model_validate(issuer)
        for name, issuer in (change.get("certificate_issuers") or {}).items()
    }
    update = {"certificate_issuers": issuers} if "certificate_issuers" in change else change
    other = prod.model_copy(update=update)
    assert not issues_certificates(other)
    assert lab_stack(own(), "prod", other)["config"]["chatgpt-mesh:gateways"]["public"]["listeners"] == {
        "web": {"tls": {"cert_manager": None}}
    }


def test_a_foreign_cluster_asks_no_ca(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.lab.yaml"
    with surroundings(tmp_path / "machine"):
        changed = lab_stack(own(), "prod", declared("prod"), context="lab")
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        assert not [key for key in objects(file) if key.startswith(("Certificate/", "ClusterIssuer/"))]


def test_of_cert_manager_one_machine_has_only_its_installation_otherwise() -> None:
    values = yaml.safe_load((ROOT / CERTIFICATES_FILE).read_text(encoding="utf-8"))["config"]
    assert values.keys() == {"chatgpt-mesh:cert_manager"}
    assert values["chatgpt-mesh:cert_manager"].keys() == {"chart", "images", "replicas", "resources"}
