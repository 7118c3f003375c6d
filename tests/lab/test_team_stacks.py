"""B56, with pods and Pulumi: a platform, two teams on it, requests, a canary, and what the program refuses."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from lab.first_requests import accepted_token
from lab.workloads import tokens
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, eventually
from tests.lab.team_stacks import APPS, Team, platform_and_teams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.workloads.request import Reply

pytestmark = pytest.mark.long

CANARY_SECONDS = 10.0
CANARY_OBJECTS = 3


@pytest.fixture(scope="module")
def teams(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Team]]:
    with platform_and_teams(lab, tmp_path_factory.mktemp("b56")) as found:
        yield found


def asked(team: Team, token: str | None, **headers: str) -> Reply:
    (app,) = team.declared().apps.values()
    sent = {**JSON_RPC_HEADERS, **headers, **({"authorization": f"Bearer {token}"} if token else {})}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    return team.lab.public.send(f"https://{app.host}/mcp", method="POST", headers=sent, body=body)


def token(team: Team) -> str:
    (app,) = team.declared().apps.values()
    found = accepted_token(app, team.lab.keys)
    assert found is not None
    return found


@pytest.mark.parametrize("name", list(APPS))
def test_a_teams_app_is_served_to_whoever_has_a_token(teams: Mapping[str, Team], name: str) -> None:
    team = teams[name]
    eventually(lambda: asked(team, token(team)).status == 200, within=30, what="the app is served")
    without = asked(team, None)
    assert without.status == 401
    assert "resource_metadata=" in without.header("www-authenticate")


def test_what_the_platform_holds_for_all_hosts_of_a_grant(teams: Mapping[str, Team]) -> None:
    team = teams["billing"]
    (app,) = team.declared().apps.values()
    audience = f"https://{app.host}/mcp"
    eventually(lambda: asked(team, token(team)).status == 200, within=30, what="the app is served")
    expired = asked(team, tokens.mint(team.lab.keys, tokens.Sort.EXPIRED, audience=audience))
    assert expired.status == 401
    host = app.host
    assert f'resource_metadata="https://{host}/.well-known/oauth-protected-resource"' in expired.header(
        "www-authenticate"
    )
    assert asked(team, tokens.mint(team.lab.keys, audience=audience, exp=None)).status == 403, "it never expires"
    assert asked(team, token(team), origin="https://evil.example").status == 403
    assert asked(team, token(team), origin="https://chatgpt.com").status == 200
    assert asked(team, token(teams["travel"])).status == 401, "another team's audience"


def test_a_canary_is_one_short_up(teams: Mapping[str, Team]) -> None:
    team = teams["billing"]
    apps = {name: dict(one) for name, one in APPS["billing"].items()}
    apps["invoices"]["rollout"] = {"stable": "v1", "canary": {"version": "v2", "percent": 50}}
    started = time.monotonic()
    said = team.up(apps=apps)
    took = time.monotonic() - started
    print(f"\na team's canary: {took:.1f} s")
    changed = sum(int(count) for count in re.findall(r"[+~-] (\d+) (?:created|updated|deleted)", said))
    assert 0 < changed <= CANARY_OBJECTS, said
    assert took < CANARY_SECONDS, said


def test_the_program_reads_the_grant_from_the_platforms_stack(teams: Mapping[str, Team]) -> None:
    apps = {"invoices": {**APPS["billing"]["invoices"], "host": "travel.example.com"}}
    done = teams["billing"].pulumi("preview", apps=apps)
    assert done.returncode != 0
    assert "apps.invoices.host: is not granted to this stack; granted are hosts: *.billing.example.com" in done.stdout
    assert "grants.billing.hosts" in done.stdout
    unknown = {"stack": "organization/chatgpt-mesh/nowhere", "team": "billing"}
    done = teams["billing"].pulumi("preview", granted_by=unknown)
    assert done.returncode != 0
    assert "granted_by: names the stack organization/chatgpt-mesh/nowhere" in done.stdout


@pytest.mark.parametrize("name", list(APPS))
def test_the_cluster_holds_what_the_platforms_stack_installed(teams: Mapping[str, Team], name: str) -> None:
    """Each border by itself: `test_b56_teams.py`."""
    team = teams[name]
    stolen = next(one["host"] for other, apps in APPS.items() if other != name for one in apps.values())
    patch = json.dumps({"spec": {"hosts": [stolen]}})
    for own in APPS[name]:
        done = team.kubectl("patch", "virtualservices", own, "-n", name, "--type=merge", "-p", patch)
        assert done.returncode != 0, done.stdout
        assert f"ValidatingAdmissionPolicy 'chatgpt-mesh-team-{name}'" in done.stderr, done.stderr
