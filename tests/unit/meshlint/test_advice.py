"""Advice that would do harm is not given, and nothing is said of what is not in sight."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

import meshlint
from meshlint.finding import Finding

pytestmark = pytest.mark.unit


def findings(code: str, text: str) -> list[Finding]:
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(text))
    return [found for found in meshlint.run(objects, today=date(2026, 12, 1)).findings if found.code == code]


ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: chat}
spec: {hosts: ["HOST"], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}
"""


@pytest.mark.parametrize(("host", "resolution"), [("*.example.com", "DYNAMIC_DNS"), ("api.example.com", "DNS")])
def test_a_wildcard_is_not_to_be_looked_up_by_its_own_name(host: str, resolution: str) -> None:
    (found,) = findings("MCP504", ENTRY.replace("HOST", host))
    assert f"write {resolution}, so that" in found.message
    assert findings("MCP504", ENTRY.replace("HOST", host).replace("NONE", resolution)) == []


POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account]}}]
"""
OPERATOR = """
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: istio, namespace: istio-system}
spec: {components: {ingressGateways: [{name: istio-ingressgateway, enabled: true}]}}
"""
CHART = """
---
apiVersion: v1
kind: HelmValues
metadata: {name: gateway/istio-system/istio-ingressgateway}
values: {}
"""
ACCOUNT = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other, namespace: istio-system}\n"


def test_the_account_of_istioctls_gateway_is_one_that_exists() -> None:
    assert findings("MCP307", POLICY) == []
    assert findings("MCP307", POLICY + OPERATOR + ACCOUNT) == []
    assert [found.code for found in findings("MCP307", POLICY + CHART)] == ["MCP307"]


SERVER = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: [shop.example.com]TLS}]
"""


def test_tls_without_a_mode_is_passed_on_which_istio_takes() -> None:
    (absent,) = findings("MCP012", SERVER.replace("TLS}]", "}]"))
    assert absent.severity == "error"
    (empty,) = findings("MCP412", SERVER.replace("TLS}]", ", tls: {}}]"))
    assert empty.severity == "warning"
    assert "which means PASSTHROUGH" in empty.message


SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: ONE, labels: {app: web}}, {name: OTHER, labels: {app: web}}]
"""
ROLLOUT = """
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec: {strategy: {canary: {trafficRouting: {istio: {destinationRule: {name: web}}}}}}
"""


def test_the_subsets_of_argo_rollouts_are_kept_apart_by_it() -> None:
    alike = SUBSETS.replace("ONE", "old").replace("OTHER", "new")
    assert len(findings("MCP217", alike)) == 1
    assert findings("MCP217", alike + ROLLOUT) == []
    assert findings("MCP217", SUBSETS.replace("ONE", "stable").replace("OTHER", "canary")) == []


READS_TOKEN = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from: [{source: {requestPrincipals: ["https://auth.example.com/*"]}}]
"""
VALIDATES = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: WHOSE, namespace: shop}
spec:
  selector: {matchLabels: {app: WHOSE}}
  jwtRules: [{issuer: "https://auth.example.com", jwks: '{"keys": []}'}]
"""


def test_of_one_file_nothing_is_said_about_the_others() -> None:
    """Who validates tokens, or asks for them, may stand in another file, unless some of its kind are here."""
    assert findings("MCP325", READS_TOKEN) == []
    assert len(findings("MCP325", f"{READS_TOKEN}---{VALIDATES.replace('WHOSE', 'api')}")) == 1
    web = VALIDATES.replace("WHOSE", "web")
    assert findings("MCP312", web) == []
    assert len(findings("MCP312", f"{web}---{READS_TOKEN.replace('web', 'api').replace('shop', 'other')}")) == 1


BETWEEN_NETWORKS = """
apiVersion: v1
kind: Service
metadata: {name: istio-eastwestgateway, namespace: istio-eastwest, labels: {LABEL: west}}
spec: {type: LoadBalancer, selector: {istio: eastwestgateway}, ports: [{name: tls, port: 15443}]}
"""


def test_the_port_between_networks_is_no_left_over_where_the_label_names_a_network() -> None:
    assert findings("MCP710", BETWEEN_NETWORKS.replace("LABEL", "topology.istio.io/network")) == []
    (found,) = findings("MCP710", BETWEEN_NETWORKS.replace("LABEL", "app"))
    assert "is 15443" in found.message
