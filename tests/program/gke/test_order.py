"""What has to be there before what."""

from __future__ import annotations

import pytest

from tests.program.gke.registered import FIREWALL, NAT, POOL, providers, registered, the
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program


class TestOrder:
    def test_p13_charts_come_after_nodes_nat_firewall_and_identities(self, gke: Recorded) -> None:
        objects, definitions = providers(gke)
        before = set(objects.dependencies) & set(definitions.dependencies)
        needed = [*gke.of_type(POOL), the(gke, NAT), the(gke, FIREWALL)]
        needed += gke.of_type("gcp:projects/iAMMember:IAMMember")
        assert len(needed) == 6
        assert {resource.urn for resource in needed} <= before

    def test_p13_addresses_outlive_the_services_that_have_them(self) -> None:
        recorded = registered({"gateways": {"public": {"kind": "public"}}})
        provider, _ = providers(recorded)
        assert recorded.named("chatgpt-public").urn in provider.dependencies

    def test_apis_come_first(self, gke: Recorded) -> None:
        api = gke.named("api-container")
        assert api.inputs["disableOnDestroy"] is False
        # A child is registered after its component is, and the component waits.
        parts = [
            r for r in gke.resources if r.type.startswith("chatgpt-mesh:gke:") and r.type != "chatgpt-mesh:gke:Gke"
        ]
        assert {part.name for part in parts} == {"network", "firewall", "node-identity", "gke", "node-pools"}
        assert all(api.urn in part.dependencies for part in parts)
