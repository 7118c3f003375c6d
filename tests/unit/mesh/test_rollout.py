"""Versions, weights, pins, experiments, mirrors, and handing weights over to a controller."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatgpt_mesh.mesh.build import Mesh
from tests.unit.mesh.stack import manifest, mesh, mistakes, routes

VERSIONS = "versions: {v1: {}, v2: {}}"
MESH = "VirtualService/chatgpt-production/chatgpt-mcp-mesh"
INSIDE = "VirtualService/chatgpt-production/chatgpt-mcp-inside-example-org"


def app(rollout: str, more: str = "") -> Mesh:
    return mesh(f"{{{VERSIONS}, rollout: {{stable: v1, {rollout}}}{', ' + more if more else ''}}}")


def shares(route: dict[str, Any]) -> dict[str, int]:
    return {part["destination"]["subset"]: part.get("weight", 100) for part in route["route"]}


class TestWeights:
    def test_without_a_canary_all_goes_to_stable(self):
        assert shares(routes(app(""))["mcp"]) == {"v1": 100}

    def test_are_the_same_at_the_gateway_and_in_the_mesh(self):
        built = app("canary: {version: v2, percent: 5}")
        assert shares(routes(built)["mcp"]) == {"v1": 95, "v2": 5}
        assert shares(routes(built, MESH)[""] if "" in routes(built, MESH) else manifest(built, MESH)["http"][-1]) == {
            "v1": 95,
            "v2": 5,
        }

    def test_a_canary_of_0_or_100_leaves_one_destination(self):
        assert shares(routes(app("canary: {version: v2, percent: 0}"))["mcp"]) == {"v1": 100}
        assert shares(routes(app("canary: {version: v2, percent: 100}"))["mcp"]) == {"v2": 100}


class TestSubsets:
    def test_each_version_has_a_rule_of_its_own_with_its_subset_alone(self):
        built = app("canary: {version: v2}")
        assert manifest(built, "DestinationRule/chatgpt-production/chatgpt-mcp-v2") == {
            "host": "chatgpt-mcp.chatgpt-production.svc.cluster.local",
            "subsets": [{"name": "v2", "labels": {"version": "v2"}}],
        }
        assert "subsets" not in manifest(built, "DestinationRule/chatgpt-production/chatgpt-mcp")

    def test_exist_before_the_routes_that_name_them(self):
        needed = app("canary: {version: v2}").routes_need["VirtualService/chatgpt-production/chatgpt-mcp"]
        own = "DestinationRule/chatgpt-production/chatgpt-mcp"
        assert {own, f"{own}-v1", f"{own}-v2"} <= set(needed)

    def test_a_version_with_one_setting_of_its_own_has_a_complete_policy(self):
        """A subset's block replaces the rule's, so a partial one would lose the rest."""
        built = mesh("{versions: {v1: {}, v2: {pool: {connections: 10}}}, rollout: {stable: v1}}")
        whole = manifest(built, "DestinationRule/chatgpt-production/chatgpt-mcp")["trafficPolicy"]
        [subset] = manifest(built, "DestinationRule/chatgpt-production/chatgpt-mcp-v2")["subsets"]
        assert subset["trafficPolicy"].keys() == whole.keys()
        assert subset["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"] == 10

    def test_never_turn_off_automatic_mutual_tls(self):
        for owned in app("").objects:
            if owned.resource.kind == "DestinationRule" and "chatgpt-mcp" in owned.resource.key:
                assert "tls" not in owned.resource.to_dict()["spec"].get("trafficPolicy", {})


class TestPin:
    def test_for_anyone_leads_to_the_canary_from_outside(self):
        route = routes(app("canary: {version: v2, pin: {header: x-canary-user, allowed: anyone}}"))["mcp.pinned"]
        assert shares(route) == {"v2": 100}
        assert route["match"][0]["headers"]["x-canary-user"] == {"exact": "true"}
        assert "@request.auth.claims[sub]" in route["match"][0]["headers"], "a pin is no way around the token"

    def test_for_callers_is_stripped_at_the_gateway_and_works_in_the_mesh(self):
        built = app("canary: {version: v2, pin: {header: x-canary-user}}")
        assert "mcp.pinned" not in routes(built)
        assert routes(built)["mcp"]["headers"]["request"]["remove"] == ["x-canary-user"]
        assert shares(routes(built, MESH)["pinned"]) == {"v2": 100}

    def test_by_cookie_matches_the_cookie_alone(self):
        route = routes(app('canary: {version: v2, pin: {cookie: canary, value: "on", allowed: anyone}}'))["mcp.pinned"]
        pattern = route["match"][0]["headers"]["cookie"]["regex"]
        for cookie, pinned in [
            ("canary=on", True),
            ("a=b; canary=on; c=d", True),
            ("notcanary=on", False),
            ("canary=only", False),
        ]:
            assert bool(re.fullmatch(pattern, cookie)) is pinned


class TestExperiments:
    CLAIM = "experiments: {staff: {version: v2, percent: 20, claim: {name: org, values: [acme, a.b]}}}"

    def test_by_claim_are_decided_by_the_verified_token(self):
        route = routes(app(self.CLAIM))["mcp.experiment-staff"]
        assert route["match"][0]["headers"]["@request.auth.claims[org]"] == {"regex": "acme|a\\.b"}
        assert shares(route) == {"v1": 80, "v2": 20}

    def test_by_gateway_take_what_comes_through_it(self):
        built = app(
            "experiments: {vpc: {version: v2, percent: 50, gateway: internal}}",
            "further_hosts: [{host: inside.example.org, gateway: internal}]",
        )
        assert shares(routes(built, INSIDE)["mcp"]) == {"v1": 50, "v2": 50}
        assert shares(routes(built)["mcp"]) == {"v1": 100}


class TestMirror:
    def test_copies_a_declared_safe_route_and_nothing_else(self):
        built = app("", "routes: [{exact: /health, mirror: {version: v2, percent: 10}}]")
        assert routes(built)["health"]["mirror"]["subset"] == "v2"
        assert routes(built)["health"]["mirrorPercentage"] == {"value": 10}
        mirrored = [
            r["name"] for r in manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp")["http"] if "mirror" in r
        ]
        assert mirrored == ["chatgpt-mcp.health"]

    def test_leaves_the_preflight_of_a_copied_route_alone(self):
        built = app("", "cors: {origins: ['https://chatgpt.com']}, routes: [{exact: /health, mirror: {version: v2}}]")
        preflight = [r for r in routes(built).values() if r["match"][0].get("method") == {"exact": "OPTIONS"}]
        assert preflight
        assert not [r for r in preflight if "mirror" in r or "mirrorPercentage" in r]

    def test_copies_only_its_methods_of_what_is_pinned_in_the_mesh_too(self):
        built = app(
            "canary: {version: v2, pin: {header: x-canary-user}}",
            "routes: [{exact: /health, rewrite: /ready, mirror: {version: v2}}]",
        )
        mirrored = [route for route in manifest(built, MESH)["http"] if "mirror" in route]
        assert len(mirrored) == 2
        for route in mirrored:
            [match] = route["match"]
            assert (match["method"], match["uri"]) == ({"exact": "GET"}, {"exact": "/ready"})
            assert "rewrite" not in route


class TestHandOff:
    def test_flagger_gets_no_virtual_service_and_no_destination_rule_beside_its_own(self):
        built = app("managed_by: flagger")
        kinds = {(o.resource.kind, o.owner.split(".")[0]) for o in built.objects}
        assert ("VirtualService", "apps") not in kinds
        assert ("DestinationRule", "apps") not in kinds

    def test_flagger_leaves_the_token_to_policies(self):
        rules = manifest(app("managed_by: flagger"), "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge")["rules"]
        assert any(rule.get("from") == [{"source": {"notRequestPrincipals": ["*"]}}] for rule in rules)
        assert any(
            rule.get("when")
            == [{"key": "request.auth.claims[aud]", "notValues": ["https://chatgpt-mcp.example.com/mcp"]}]
            for rule in rules
        )

    @pytest.mark.parametrize(
        ("labels", "warned"),
        [
            ("{}", True),
            ("{app: chatgpt-mcp, tier: web}", True),
            ("{name: x}", True),
            ("{mesh-app: chatgpt-mcp}", False),
        ],
    )
    def test_flaggers_copy_is_missed_by_policies_that_select_by_its_label(self, labels: str, warned: bool):
        built = mesh(f"{{{VERSIONS}, labels: {labels}, rollout: {{stable: v1, managed_by: flagger}}}}")
        assert any("serves from a copy of the Deployment" in str(warning) for warning in built.warnings) is warned

    def test_what_flagger_does_not_carry_is_told_of_where_it_is_written(self):
        fields = (
            "cors: {origins: ['https://chatgpt.com']}, resilience: {retries: {attempts: 1}}, "
            "load_balancing: {algorithm: random}"
        )
        built = mesh(f"{{{VERSIONS}, {fields}, rollout: {{stable: v1, managed_by: flagger}}}}")
        told = [str(warning) for warning in built.warnings if "does nothing here" in str(warning)]
        assert [one.partition(":")[0] for one in told] == [
            f"apps.chatgpt-mcp.{field}" for field in ("cors", "load_balancing", "resilience")
        ]
        assert not [one for one in app("", fields).warnings if "does nothing here" in str(one)]

    def test_argo_rollouts_owns_one_weighted_route_that_all_others_delegate_to(self):
        built = app("managed_by: argo-rollouts, canary: {version: v2}")
        weighted = next(
            o for o in built.objects if o.resource.key == "VirtualService/chatgpt-production/chatgpt-mcp-rollout"
        )
        assert weighted.ignore_changes == ("spec.http",)
        assert shares(weighted.resource.to_dict()["spec"]["http"][0]) == {"stable": 100, "canary": 0}
        assert "hosts" not in weighted.resource.to_dict()["spec"]
        delegate = {"name": "chatgpt-mcp-rollout", "namespace": "chatgpt-production"}
        assert routes(built)["mcp"]["delegate"] == delegate
        assert manifest(built, MESH)["http"][-1]["delegate"] == delegate
        assert routes(built)["mcp"]["match"][0]["headers"]["@request.auth.claims[sub]"], "the token is asked for before"
        assert routes(built)["mcp"]["match"][0]["headers"]["x-mcp-exp"], "and for its end"

    def test_argo_rollouts_finds_both_subsets_in_one_rule(self):
        built = app("managed_by: argo-rollouts, canary: {version: v2}")
        rule = next(
            o for o in built.objects if o.resource.key == "DestinationRule/chatgpt-production/chatgpt-mcp-rollout"
        )
        assert rule.ignore_changes == ("spec.subsets",)
        assert rule.resource.to_dict()["spec"]["subsets"] == [
            {"name": role, "labels": {"app": "chatgpt-mcp"}} for role in ("stable", "canary")
        ], "the controller adds its hash; a label of one version would select nothing after the promotion of the next"

    def test_pins_and_experiments_lead_to_the_roles_of_argo_rollouts(self):
        pin = "{header: x-canary-user, allowed: anyone}"
        experiments = "experiments: {vpc: {version: v2, percent: 50, gateway: public}}"
        built = app(f"managed_by: argo-rollouts, canary: {{version: v2, pin: {pin}}}, {experiments}")
        assert shares(routes(built)["mcp.pinned"]) == {"canary": 100}
        assert shares(routes(built)["mcp"]) == {"stable": 50, "canary": 50}

    @pytest.mark.parametrize(
        ("versions", "told"),
        [
            ("{v1: {labels: {version: v1}}, v2: {}}", "versions.v1.labels: select pods that argo-rollouts tells apart"),
            ("{v1: {}, v2: {}, canary: {}}", "versions.canary: has the name of a subset that argo-rollouts moves"),
        ],
    )
    def test_what_argo_rollouts_would_break_is_refused(self, versions: str, told: str):
        [mistake] = mistakes(
            f"{{versions: {versions}, rollout: {{stable: v1, managed_by: argo-rollouts, canary: {{version: v2}}}}}}"
        )
        assert mistake.startswith(f"apps.chatgpt-mcp.{told}")


class TestSteps:
    @pytest.mark.parametrize(
        ("canary", "told"),
        [
            ("steps: {percents: []}", "steps.percents: is empty"),
            ("steps: {percents: [5, 5]}", "steps.percents.1: does not rise above 5"),
            ("steps: {percents: [5, 60]}", "steps.percents.1: goes up by 55 from 5, more than max_step 50"),
            ("steps: {percents: [60]}", "steps.percents.0: goes up by 60 from 0, more than max_step 50"),
            ("from_percent: 0, steps: {percents: [5]}", "steps: say themselves what follows what; remove from_percent"),
            ("steps: {percents: [5], compare: false}", "steps.guards: is empty, and compare is false"),
            ("steps: {percents: [5], guards: {a: {query: up}}}", "steps.guards.a: has no bound"),
            (
                "steps: {percents: [5], guards: {a: {query: up, at_least: 2, at_most: 1}}}",
                "steps.guards.a.at_least: is above at_most 1",
            ),
        ],
    )
    def test_that_cannot_be_gone_are_refused(self, canary: str, told: str):
        [mistake] = mistakes(f"{{{VERSIONS}, rollout: {{stable: v1, canary: {{version: v2, {canary}}}}}}}")
        assert mistake.startswith(f"apps.chatgpt-mcp.rollout.canary.{told}")

    def test_need_a_label_by_which_versions_are_counted(self):
        versions = "{v1: {labels: {track: stable}}, v2: {labels: {track: canary}}}"
        steps = "steps: {percents: [5]}"
        [mistake] = mistakes(f"{{versions: {versions}, rollout: {{stable: v1, canary: {{version: v2, {steps}}}}}}}")
        assert mistake.startswith("apps.chatgpt-mcp.rollout.canary.steps.compare: needs the label version")

    def test_are_not_for_weights_that_a_controller_moves(self):
        [mistake] = mistakes(
            f"{{{VERSIONS}, rollout: {{stable: v1, managed_by: argo-rollouts, canary: {{version: v2, steps: "
            "{percents: [5]}}}}"
        )
        assert "argo-rollouts has steps and analyses of its own" in mistake

    def test_change_no_object(self):
        plain, stepped = (app(f"canary: {{version: v2{more}}}") for more in ("", ", steps: {percents: [5, 50, 100]}"))
        assert [one.resource.to_dict() for one in plain.objects] == [one.resource.to_dict() for one in stepped.objects]
