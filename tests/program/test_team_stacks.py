"""A platform's stack and a team's stack under Pulumi's mocks: what each registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from chatgpt_mesh.components import outputs
from tests.program.recorded_program import Recorded, run
from tests.program.test_outputs import known, without_required
from tests.surroundings import own_layer, surroundings
from tests.unit.team_stack import app, exported, platform, team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

READ = "pulumi:pulumi:readStackOutputs"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def at_the_lab(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "cluster": {"kind": "existing", "context": own_layer("lab")["cluster"]["context"]}}


def teams(tmp_path: Path, **changes: Any) -> Recorded:
    answers = {READ: {"outputs": exported()}}
    return run("team", at_the_lab(team(tmp_path / "unread.json", **changes)), answers=answers)


def test_the_platform_registers_what_holds_each_team() -> None:
    found = run("platform", at_the_lab(platform()))
    assert found.error is None, found.error
    (parent,) = found.of_type("chatgpt-mesh:platform:Grants")
    below = {one.name for one in found.resources if one.parent == parent.urn}
    assert below == {
        f"{kind}{name}"
        for name, home in (("chatgpt-mesh-team-billing", "billing"), ("chatgpt-mesh-team-travel", "travel"))
        for kind in (
            f"Role/{home}/",
            f"RoleBinding/{home}/",
            "ValidatingAdmissionPolicy/",
            "ValidatingAdmissionPolicyBinding/",
        )
    }
    assert found.named("billing").urn in found.depends_on(found.named("Role/billing/chatgpt-mesh-team-billing"))
    assert found.named("billing").inputs["metadata"]["labels"]["istio-injection"] == "enabled"


def test_a_team_opens_no_way_in_past_the_gateways_unless_the_platform_says_so() -> None:
    found = run("platform", at_the_lab(platform()))
    hard = {"services.loadbalancers": "0", "services.nodeports": "0"}
    assert found.named("billing-apps").inputs["spec"]["hard"] == hard
    opened = run("platform", at_the_lab(platform(namespaces={"billing": {"quota": {"load_balancers": 1}}})))
    assert opened.named("billing-apps").inputs["spec"]["hard"]["services.loadbalancers"] == "1"


def test_the_platforms_outputs_keep_their_contract() -> None:
    found = dict(run("platform", at_the_lab(platform())).exports)
    jsonschema.Draft202012Validator(without_required(outputs.json_schema())).validate(known(found))
    assert found["grants"].keys() == {"billing", "travel"}


def test_a_team_registers_its_apps_and_nothing_else(tmp_path: Path) -> None:
    found = teams(tmp_path)
    assert found.error is None, found.error
    registered = {one.name for one in found.resources if one.type.startswith("kubernetes:")}
    assert registered == {
        "AuthorizationPolicy/billing/invoices-callers",
        "DestinationRule/billing/invoices",
        "VirtualService/billing/invoices",
        "VirtualService/billing/invoices-mesh",
    }


def test_the_engine_reads_the_outputs_before_anything_is_registered(tmp_path: Path) -> None:
    found = teams(tmp_path, apps={"invoices": app(host="travel.example.com")})
    assert found.resources == []
    assert found.error is not None
    assert "apps.invoices.host: is not granted to this stack" in found.error


def test_a_stack_that_the_engine_cannot_read_is_a_sentence(tmp_path: Path) -> None:
    values = at_the_lab(team(tmp_path / "unread.json"))
    for answer, sentence in (({"outputs": {}}, "which has no outputs"), ("no such stack", "which Pulumi cannot read")):
        found = run("team", values, answers={READ: answer})
        assert found.resources == []
        assert sentence in (found.error or "")
