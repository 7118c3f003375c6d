"""Prometheus, Grafana and a login that this stack installs: what is scraped and loaded, and who reaches whom."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatgpt_mesh.components.alerts import groups
from chatgpt_mesh.components.login import arguments, manifests
from chatgpt_mesh.components.managed_prometheus import Scraped, pod_monitorings
from chatgpt_mesh.components.observability import kiali_values, upstreams
from chatgpt_mesh.components.observability_charts import grafana_values, prometheus_values, scrape_configs
from chatgpt_mesh.components.observability_policies import policies
from chatgpt_mesh.components.specs.managed_prometheus import ManagedPrometheusSpec
from chatgpt_mesh.components.specs.observability import AlertsSpec, ObservabilitySpec
from tests.unit.components.gke_stack import sentences
from tests.unit.components.promtool import checked, promtool
from tests.unit.components.test_managed_prometheus import read
from tests.unit.mesh.stack import mesh

pytestmark = pytest.mark.unit

LOGIN: dict[str, Any] = {"issuer": "https://sso.example.com", "client_id": "mesh", "email_domains": ["example.com"]}
WHOLE: dict[str, Any] = {
    "kiali": {"version": "2.21.0"},
    "prometheus": {"version": "27.19.0", "alertmanager": "alertmanager.monitoring:9093"},
    "grafana": {"namespace": "mesh-grafana", "install": {"version": "9.3.0"}},
    "alerts": {"format": "prometheus"},
    "login": LOGIN,
}
SPEC = ObservabilitySpec.model_validate(WHOLE)
EVERYTHING = Scraped(proxies=["shop", "istio-ingress"], control_plane=True, cert_manager="cert-manager")


def prometheus(**settings: Any) -> dict[str, Any]:
    spec = ObservabilitySpec.model_validate({**WHOLE, "prometheus": {**WHOLE["prometheus"], **settings}})
    assert spec.prometheus is not None
    return prometheus_values(spec.prometheus, EVERYTHING, groups(AlertsSpec(format="prometheus"), mesh(), []))


def jobs(**settings: Any) -> dict[str, dict[str, Any]]:
    found = prometheus(**settings)["serverFiles"]["prometheus.yml"]["scrape_configs"]
    return {job["job_name"]: job for job in found}


def grafana(login: bool = True) -> dict[str, Any]:
    assert SPEC.grafana is not None
    assert SPEC.grafana.install is not None
    return grafana_values(SPEC.grafana, SPEC.grafana.install, "http://p:9090", SPEC.login if login else None)


class TestPrometheus:
    def test_scrapes_where_a_managed_one_does(self) -> None:
        managed: dict[str, set[tuple[str, int, str]]] = {}
        for one in pod_monitorings(ManagedPrometheusSpec(), EVERYTHING):
            (endpoint,) = one["spec"]["endpoints"]
            place = (one["metadata"]["namespace"], endpoint["port"], endpoint["path"])
            managed.setdefault(one["metadata"]["name"], set()).add(place)
        own: dict[str, set[tuple[str, int, str]]] = {}
        for name, job in jobs().items():
            (port,) = [
                int(rule["replacement"].removeprefix("$1:"))
                for rule in job["relabel_configs"]
                if rule.get("target_label") == "__address__"
            ]
            (found,) = job["kubernetes_sd_configs"]
            path = job.get("metrics_path", "/metrics")
            own[name] = {(home, port, path) for home in found["namespaces"]["names"]}
        assert own == managed

    def test_keeps_all_that_dashboards_and_alerts_read(self) -> None:
        rules = [rule for job in jobs().values() for rule in job["metric_relabel_configs"]]
        kept = re.compile("|".join(rule["regex"] for rule in rules))
        assert sorted(name for name in read() if not kept.fullmatch(name)) == []

    def test_every_metric_is_kept_where_it_is_asked_for(self) -> None:
        assert not any("metric_relabel_configs" in job for job in jobs(every_metric=True).values())

    def test_scrapes_nothing_that_is_not_there(self) -> None:
        assert SPEC.prometheus is not None
        nothing = Scraped(proxies=[], control_plane=False, cert_manager=None)
        assert list(scrape_configs(SPEC.prometheus, nothing)) == []

    def test_loads_the_alerts(self, tmp_path: Path) -> None:
        rules = prometheus()["serverFiles"]["alerting_rules.yml"]["groups"]
        assert "ProxyRefusedUpdate" in json.dumps(rules)
        checked(rules, tmp_path)

    def test_prometheus_takes_the_configuration(self, tmp_path: Path) -> None:
        values = prometheus()
        found = values["serverFiles"]["prometheus.yml"]["scrape_configs"]
        # Debian's promtool is built without the discovery of Kubernetes; it judges all the rest.
        configs = [{key: said for key, said in one.items() if key != "kubernetes_sd_configs"} for one in found]
        whole: dict[str, Any] = {"global": values["server"]["global"], "scrape_configs": configs}
        whole["alerting"] = {"alertmanagers": values["server"]["alertmanagers"]}
        path = tmp_path / "prometheus.yml"
        path.write_text(yaml.safe_dump(whole), encoding="utf-8")
        done = subprocess.run([promtool(), "check", "config", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_is_private_keeps_its_samples_and_runs_as_nobody(self) -> None:
        values = prometheus(retention_days=30, storage="100Gi", storage_class="fast")
        server = values["server"]
        assert (server["service"]["type"], server["ingress"]) == ("ClusterIP", {"enabled": False})
        assert server["retention"] == "30d"
        assert server["persistentVolume"] == {"enabled": True, "size": "100Gi", "storageClass": "fast"}
        assert server["securityContext"]["runAsNonRoot"] is True
        for container in (server, values["configmapReload"]["prometheus"]):
            assert container["containerSecurityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert values["prometheus-node-exporter"] == {"enabled": False}


class TestGrafana:
    def test_is_private_and_nobody_is_let_in_without_a_name(self) -> None:
        values = grafana()
        assert (values["service"]["type"], values["ingress"]) == ("ClusterIP", {"enabled": False})
        for login in (True, False):
            assert grafana(login)["grafana.ini"]["auth.anonymous"] == {"enabled": False}
        assert values["admin"]["existingSecret"] == "grafana-admin"
        assert "adminPassword" not in values

    def test_believes_the_login_where_there_is_one_and_lets_people_look(self) -> None:
        settings = grafana()["grafana.ini"]
        assert settings["auth.proxy"]["header_name"] == "X-Forwarded-Email"
        assert settings["users"]["auto_assign_org_role"] == "Viewer"
        assert settings["server"]["root_url"] == "http://localhost:4180/grafana/"
        assert "auth.proxy" not in grafana(login=False)["grafana.ini"]

    def test_knows_this_stacks_prometheus_and_its_dashboards(self) -> None:
        values = grafana()
        (source,) = values["datasources"]["datasources.yaml"]["datasources"]
        assert (source["url"], source["isDefault"]) == ("http://p:9090", True)
        assert values["sidecar"]["dashboards"]["label"] == "grafana_dashboard"
        assert values["rbac"] == {"namespaced": True}


def test_kiali_reads_this_stacks_prometheus_and_links_to_its_grafana() -> None:
    assert SPEC.kiali is not None
    services = kiali_values(SPEC.kiali, SPEC.grafana, SPEC.metrics_url)["external_services"]
    assert services["prometheus"] == {"url": "http://prometheus.mesh-prometheus:9090"}
    assert services["grafana"] == {"enabled": True, "internal_url": "http://grafana.mesh-grafana:3000"}


class TestWhoReachesWhom:
    def edges(self, **changes: Any) -> tuple[set[tuple[str, str, int]], set[tuple[str, str, int]]]:
        """(from, to, port) as ingress rules have it, and as egress rules do."""
        spec = ObservabilitySpec.model_validate({**WHOLE, **changes})
        into: set[tuple[str, str, int]] = set()
        out: set[tuple[str, str, int]] = set()
        for one in policies(spec, EVERYTHING):
            home, said = one["metadata"]["namespace"], one["spec"]
            assert said["podSelector"] == {}
            for rule in said["ingress"]:
                into |= {(other, home, port) for other, port in self.named(rule, "from")}
            for rule in said.get("egress", []):
                out |= {(home, other, port) for other, port in self.named(rule, "to")}
        return into, out

    def named(self, rule: dict[str, Any], side: str) -> set[tuple[str, int]]:
        found = [
            home for peer in rule.get(side, []) for home in peer["namespaceSelector"]["matchExpressions"][0]["values"]
        ]
        return {(home, port["port"]) for home in found for port in rule["ports"]}

    def test_each_is_reached_by_whom_it_serves_and_by_nobody_else(self) -> None:
        into, _ = self.edges(login={**LOGIN, "url": "https://mesh.example.com", "from_namespaces": ["istio-ingress"]})
        assert into == {
            ("mesh-grafana", "mesh-prometheus", 9090),
            ("kiali", "mesh-prometheus", 9090),
            ("mesh-login", "mesh-grafana", 3000),
            ("kiali", "mesh-grafana", 3000),
            ("mesh-login", "kiali", 20001),
            ("istio-ingress", "mesh-login", 4180),
        }

    def test_each_asks_whom_it_needs(self) -> None:
        _, out = self.edges()
        assert out == {
            ("mesh-prometheus", "shop", 15020),
            ("mesh-prometheus", "istio-ingress", 15020),
            ("mesh-prometheus", "istio-system", 15014),
            ("mesh-prometheus", "cert-manager", 9402),
            ("mesh-prometheus", "monitoring", 9093),
            ("mesh-grafana", "mesh-prometheus", 9090),
            ("mesh-login", "mesh-grafana", 3000),
            ("mesh-login", "kiali", 20001),
        }

    def test_nothing_in_the_cluster_reaches_a_login_by_port_forward(self) -> None:
        (login,) = [one for one in policies(SPEC, EVERYTHING) if one["metadata"]["namespace"] == "mesh-login"]
        assert login["spec"]["ingress"] == []

    def test_a_rule_without_a_namespace_is_of_dns_the_api_server_or_the_issuer(self) -> None:
        for one in policies(SPEC, EVERYTHING):
            for rule in one["spec"].get("egress", []):
                if "to" not in rule:
                    assert {port["port"] for port in rule["ports"]} <= {53, 443, 6443}
            assert all("from" in rule for rule in one["spec"]["ingress"])


class TestLogin:
    def test_pods_are_restricted_and_read_their_secrets_from_one_that_you_make(self) -> None:
        assert SPEC.login is not None
        made = {one["kind"]: one for one in manifests(SPEC.login, upstreams(SPEC))}
        pod = made["Deployment"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert made["Service"]["spec"]["type"] == "ClusterIP"
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert [one["valueFrom"]["secretKeyRef"] for one in container["env"]] == [
            {"name": "mesh-login", "key": "client-secret"},
            {"name": "mesh-login", "key": "cookie-secret"},
        ]

    def test_stands_before_grafana_and_kiali(self) -> None:
        assert SPEC.login is not None
        said = [one for one in arguments(SPEC.login, upstreams(SPEC)) if one.startswith("--upstream=")]
        assert said == [
            "--upstream=http://grafana.mesh-grafana:3000/grafana/",
            "--upstream=http://kiali.kiali:20001/kiali/",
        ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"login": {"email_domains": []}}, "observability.login: needs email_domains or groups"),
        ({"login": {"scopes": ["email"]}}, "observability.login: scopes must have openid"),
        ({"login": {"url": "http://mesh.example.com"}}, "observability.login.url: must be where people reach"),
        ({"login": {"from_namespaces": ["a"]}}, "observability.login: from_namespaces belongs to a url of https"),
        ({"login": {"namespace": "kiali"}}, "observability.login.namespace: is the namespace of observability.kiali"),
        ({"kiali": None, "grafana": None}, "observability.login: stands before nothing"),
        ({"prometheus": None, "alerts": None}, "observability.kiali.prometheus: is required"),
        ({"prometheus": {"version": "28.0.0"}}, "observability.prometheus.version: must be a version of the chart"),
        ({"alerts": {"format": "prometheus_operator", "namespace": "o"}}, "observability.alerts.format: must be"),
        ({"alerts": {"labels": {"a": "b"}}}, "observability.alerts: labels select objects of rules"),
        ({"prometheus": {"namespace": "istio-system"}}, "observability.prometheus.namespace: is the namespace of"),
        ({"managed_prometheus": {}}, "observability.prometheus: scrapes what observability.managed_prometheus"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    declared = {
        name: {**WHOLE.get(name, {}), **change} if change is not None else None
        for name, change in {**{key: {} for key in WHOLE}, **changes}.items()
    }
    found = sentences(tmp_path, {"observability": declared, "telemetry": {"metrics": {"proxies": True}}})
    assert any(one.startswith(said) for one in found), found


def test_files_of_rules_need_the_prometheus_that_reads_them(tmp_path: Path) -> None:
    (found,) = sentences(tmp_path, {"observability": {"alerts": {"format": "prometheus"}}})
    assert found.startswith("observability.alerts.format: writes files of observability.prometheus")
