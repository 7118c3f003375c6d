"""Kiali asks who is there and has no public address; each app that is called has a dashboard that Grafana can read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import meshlint
from chatgpt_mesh.components.observability import dashboards, kiali_values
from chatgpt_mesh.components.specs.observability import GrafanaSpec, KialiSpec
from tests.unit.mesh.stack import TODAY, mesh

KIALI = {"version": "2.21.0", "prometheus": "http://prometheus.observability:9090"}
GRAFANA = GrafanaSpec(namespace="observability", internal_url="http://grafana.observability:3000")
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


class TestDashboards:
    def declared(self) -> list[dict[str, Any]]:
        telemetry = {"metrics": {"tags": {"tier": {"header": "x-user-tier", "values": ["free"]}}}}
        return list(dashboards(GRAFANA, mesh(others="{caller: {namespace: chatgpt-production}}", telemetry=telemetry)))

    def test_there_is_one_for_each_app_that_is_called(self) -> None:
        assert [found["metadata"]["name"] for found in self.declared()] == ["grafana-dashboard-chatgpt-mcp"]
        assert self.declared()[0]["metadata"]["labels"] == {"grafana_dashboard": "1"}

    def test_every_query_asks_for_the_app_and_closes_what_it_opens(self) -> None:
        (text,) = self.declared()[0]["data"].values()
        queries = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
        assert len(queries) > 6
        for query in queries:
            assert 'destination_service="chatgpt-mcp.chatgpt-production.svc.cluster.local"' in query
            assert all(query.count(opened) == query.count(closed) for opened, closed in ("()", "{}", "[]"))
            assert re.search(r"istio_request(s_total|_duration_milliseconds_bucket)\{", query)

    def test_declared_tags_have_a_panel(self) -> None:
        (text,) = self.declared()[0]["data"].values()
        assert "Requests by tier" in [panel["title"] for panel in json.loads(text)["panels"]]

    def test_panels_do_not_overlap(self) -> None:
        (text,) = self.declared()[0]["data"].values()
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in json.loads(text)["panels"]]
        assert len(set(places)) == len(places)
