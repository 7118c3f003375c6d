"""Kiali asks who is there and has no public address; each app that is called has a dashboard that Grafana can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import meshlint
from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.components.observability import config_maps, kiali_values
from chatgpt_mesh.components.specs.observability import GrafanaSpec, KialiSpec
from tests.unit.components.promtool import checked
from tests.unit.mesh.stack import TODAY, mesh

KIALI = {"version": "2.21.0", "prometheus": "http://prometheus.observability:9090"}
GRAFANA = GrafanaSpec(namespace="observability", internal_url="http://grafana.observability:3000")
APP, EDGES, CONTROL_PLANE = "grafana-dashboard-chatgpt-mcp", "grafana-mesh-edges", "grafana-mesh-control-plane"
OPENID = {"issuer": "https://sso.example.com", "client_id": "kiali"}


def values(**settings: Any) -> dict[str, Any]:
    return kiali_values(KialiSpec.model_validate({**KIALI, **settings}), GRAFANA)


class TestKiali:
    def test_asks_for_a_login(self) -> None:
        assert values()["auth"] == {"strategy": "token"}
        assert values(login="openid", openid=OPENID)["auth"]["openid"]["issuer_uri"] == "https://sso.example.com"

    @pytest.mark.parametrize("settings", [{"login": "anonymous"}, {"login": "openid"}, {"openid": OPENID}])
    def test_anonymous_and_half_a_login_cannot_be_said(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            values(**settings)

    def test_has_no_address_outside_the_cluster_and_changes_nothing(self) -> None:
        deployment = values()["deployment"]
        assert deployment["ingress"] == {"enabled": False}
        assert deployment["service_type"] == "ClusterIP"
        assert deployment["view_only_mode"] is True

    def test_is_configured_by_keys_that_version_2_reads(self) -> None:
        """As the checker judges the ConfigMap that the chart writes."""
        text = yaml.safe_dump(values(tracing="http://jaeger-query.observability:16686"))
        metadata = {"name": "kiali", "namespace": "kiali"}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}}
        report = meshlint.run([config_map], today=TODAY)
        assert not [found for found in (*report.errors, *report.warnings) if found.code in ("MCP706", "MCP707")]


TELEMETRY = {
    "metrics": {
        "tags": {"tier": {"header": "x-user-tier", "values": ["free"]}},
        "refusals": True,
        "tools": True,
        "proxies": True,
    }
}
GUARDED = "{auth: {issuers: [{issuer: https://auth.example.com, jwks_uri: https://k.example}], tools: {a: {scope: b}}}}"


class TestDashboards:
    def declared(self, telemetry: dict[str, Any] = TELEMETRY) -> dict[str, dict[str, Any]]:
        others = "{caller: {namespace: chatgpt-production}}"
        made = config_maps(GRAFANA, mesh(GUARDED, others=others, telemetry=telemetry))
        return {found["metadata"]["name"]: found for found in made}

    def shown(self, name: str, telemetry: dict[str, Any] = TELEMETRY) -> dict[str, Any]:
        (text,) = self.declared(telemetry)[name]["data"].values()
        return json.loads(text)

    def panels(self, name: str, telemetry: dict[str, Any] = TELEMETRY) -> dict[str, list[str]]:
        """Queries by the title of their panel."""
        found = [panel for panel in self.shown(name, telemetry)["panels"] if panel["type"] != "row"]
        return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in found}

    def test_there_is_one_for_each_app_that_is_called_one_of_the_edges_and_one_of_the_control_plane(self) -> None:
        found = self.declared()
        assert set(found) == {APP, EDGES, CONTROL_PLANE}
        assert found[APP]["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert len({self.shown(name)["uid"] for name in found}) == 3

    def test_every_query_of_an_app_asks_for_the_app(self) -> None:
        for title, queries in self.panels(APP).items():
            for query in queries:
                name = "chatgpt-mcp.chatgpt-production.svc.cluster.local"
                assert name in query or name.replace(".svc.", "[.]svc[.]") in query, title

    def test_prometheus_takes_every_query(self, tmp_path: Path) -> None:
        queries = [q for name in self.declared() for asked in self.panels(name).values() for q in asked]
        assert len(queries) > 40
        # Rules are how promtool takes expressions; Grafana puts the interval in.
        rules = [
            {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
            for number, query in enumerate(queries)
        ]
        checked([{"name": "queries", "rules": rules}], tmp_path)

    def test_an_app_has_its_golden_signals_tools_versions_and_pools(self) -> None:
        found = self.panels(APP)
        assert {"Requests by status", "Share of 5xx", "Duration"} <= set(found)
        assert {"Requests by version", "Share of 5xx by version", "Duration by version, p95"} <= set(found)
        assert 'mcp_tool!="none"' in found["Calls by tool"][0]
        assert {"Ejected pods", "Refused by a full pool", "Requests by tier"} <= set(found)

    def test_edges_show_why_they_refuse_what_is_open_and_what_leaves(self) -> None:
        found = self.panels(EDGES)
        assert (
            'source_workload=~"istio-ingressgateway|istio-internalgateway"' in found["Answers by gateway and status"][0]
        )
        assert found["Refused, by reason"][0].startswith("sum by (refusal) (")
        assert {"Streams and requests", "Over a limit", "Connections by host", "Requests by host"} <= set(found)
        assert "envoy_listener_ssl_certificate_kubernetes___edge_" in found["Days left of certificates"][0]

    def test_the_control_plane_shows_updates_refusals_and_keys(self) -> None:
        asked = " ".join(query for queries in self.panels(CONTROL_PLANE).values() for query in queries)
        for metric in (
            "pilot_xds_push_time_bucket",
            "pilot_total_xds_rejects",
            "pilot_jwks_resolver_network_fetch_fail_total",
            "citadel_server_root_cert_expiry_timestamp",
        ):
            assert metric in asked

    def test_nothing_is_asked_that_is_not_recorded(self) -> None:
        asked = json.dumps([self.panels(name, {}) for name in (APP, EDGES, CONTROL_PLANE)])
        for word in ("mcp_tool", "refusal", "envoy_"):
            assert word not in asked

    def test_panels_fill_their_lines_and_do_not_overlap(self) -> None:
        for name in self.declared():
            taken: dict[int, list[int]] = {}
            for place in (panel["gridPos"] for panel in self.shown(name)["panels"]):
                taken.setdefault(place["y"], []).extend(range(place["x"], place["x"] + place["w"]))
            assert {line: sorted(columns) for line, columns in taken.items()} == {line: [*range(24)] for line in taken}

    def test_a_share_is_nought_where_nothing_failed_and_not_without_data(self) -> None:
        shares = [panel for panel in self.shown(APP)["panels"] if panel["title"].startswith("Share")]
        assert len(shares) == 3
        assert all(" or " in panel["targets"][0]["expr"] for panel in shares)

    def test_names_that_differ_late_have_dashboards_of_their_own(self) -> None:
        names = [f"{'a' * 50}-{end}" for end in "xy"]
        apps = ", ".join(f"{name}: {{namespace: n, service: {{port: 80}}, routes: [{{exact: /a}}]}}" for name in names)
        uids = [dashboard.uid for _, dashboard in dashboards(mesh(others=f"{{{apps}}}"))]
        assert len(set(uids)) == len(uids)
        assert max(map(len, uids)) <= 40
