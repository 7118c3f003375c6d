"""A gateway's identity follows from its spec, its servers take only what apps claim, and TLS has a floor."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
from tests.crd_schema import assert_served
from tests.unit.mesh.stack import GATEWAYS, manifest, mesh, mistakes

PUBLIC = GATEWAYS.splitlines()[1]


def gateway(text: str) -> GatewaySpec:
    return GatewaySpec.model_validate(yaml.safe_load(text))


class TestIdentity:
    def test_follows_from_the_kind(self):
        spec = gateway("{kind: public}")
        assert (spec.home, spec.release_name, spec.service_account) == (
            "istio-ingress",
            "istio-ingressgateway",
            "istio-ingressgateway",
        )
        assert spec.pod_labels == {"istio": "ingressgateway"}
        assert spec.service_host == "istio-ingressgateway.istio-ingress.svc.cluster.local"

    def test_follows_from_the_release_where_one_is_given(self):
        spec = gateway("{kind: internal, release: istio-eastgateway, namespace: edge}")
        assert (spec.home, spec.service_account, spec.pod_labels) == (
            "edge",
            "istio-eastgateway",
            {"istio": "eastgateway"},
        )


class TestServers:
    def test_take_the_hosts_of_apps_and_only_from_their_namespace(self):
        servers = manifest(mesh(), "Gateway/istio-ingress/public")["servers"]
        assert servers[0]["hosts"] == ["chatgpt-production/chatgpt-mcp.example.com"]

    def test_let_another_stack_attach_where_it_is_declared(self):
        shared = GATEWAYS.replace("tls: {secret: edge}}}}", "tls: {secret: edge}, shared_with: [other-team]}}}", 1)
        servers = manifest(mesh(gateways=shared), "Gateway/istio-ingress/public")["servers"]
        assert servers[0]["hosts"] == ["chatgpt-production/chatgpt-mcp.example.com", "other-team/*.example.com"]

    def test_redirect_plain_http_of_bare_hosts(self):
        """A namespaced host on a redirecting server would become a virtual host of that literal name."""
        redirect = manifest(mesh(), "Gateway/istio-ingress/public")["servers"][1]
        assert redirect["hosts"] == ["chatgpt-mcp.example.com"]
        assert redirect["tls"] == {"httpsRedirect": True}

    def test_have_a_tls_floor_and_forward_secret_ciphers(self):
        tls = manifest(mesh(), "Gateway/istio-ingress/public")["servers"][0]["tls"]
        assert tls["minProtocolVersion"] == "TLSV1_2"
        assert all(suite.startswith("ECDHE-") for suite in tls["cipherSuites"])

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_cannot_go_below_the_floor(self, version: str):
        listener = f'{{hosts: [a.example.com], tls: {{secret: s, min_version: "{version}"}}}}'
        with pytest.raises(ValidationError):
            gateway(f"{{kind: public, listeners: {{a: {listener}}}}}")

    def test_ask_for_client_certificates(self):
        inside = manifest(
            mesh("{further_hosts: [{host: inside.example.org, gateway: internal}]}"), "Gateway/istio-internal/internal"
        )
        assert inside["servers"][0]["tls"]["mode"] == "MUTUAL"

    def test_lead_tcp_to_one_named_service(self):
        postgres = "{port: 5432, protocol: TCP, destination: {host: pg.data.svc.cluster.local, port: 5432}}"
        built = mesh(gateways=f"{PUBLIC}\ninternal: {{kind: internal, listeners: {{pg: {postgres}}}}}")
        assert manifest(built, "Gateway/istio-internal/internal")["servers"][0]["port"]["protocol"] == "TCP"
        route = manifest(built, "VirtualService/istio-internal/internal-pg")["tcp"][0]
        assert route["route"][0]["destination"] == {"host": "pg.data.svc.cluster.local", "port": {"number": 5432}}

    def test_pass_tls_through_by_name(self):
        to = "{host: db.data.svc.cluster.local, port: 443}"
        database = f"{{port: 6443, protocol: TLS, hosts: [db.example.org], destination: {to}}}"
        built = mesh(gateways=f"{PUBLIC}\ninternal: {{kind: internal, listeners: {{db: {database}}}}}")
        assert manifest(built, "VirtualService/istio-internal/internal-db")["tls"][0]["match"][0]["sniHosts"] == [
            "db.example.org"
        ]


class TestMistakes:
    def test_a_host_behind_client_certificates_is_not_below_an_open_wildcard(self):
        def said(hosts: str, port: int = 443) -> list[str]:
            guarded = f"{{hosts: [{hosts}], port: {port}, tls: {{secret: b, client_certificates: {{}}}}}}"
            open_ = '{hosts: ["*.example.com"], tls: {secret: a}}'
            listeners = f"{{open: {open_}, guarded: {guarded}}}"
            return mistakes(gateways=f"{PUBLIC}\ninternal: {{kind: internal, listeners: {listeners}}}")

        (told,) = said("www.example.com")
        assert "gateways.internal.listeners.guarded.hosts: is below a wildcard of listener open" in told
        assert said("www.example.org") == said("example.com") == said("www.example.com", 8443) == []

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (
                ("https:", 'https: {port: 80, hosts: ["*.example.com"], tls: {secret: edge}}, other:'),
                "port 80 only redirects to https",
            ),
            (("tls: {secret: edge}", "tls: {}"), "gateways.public.listeners.https.tls: needs secret"),
            (('hosts: ["*.example.com"], ', ""), "gateways.public.listeners.https.hosts: is missing"),
            (
                ("kind: public", "workload: {replicas: {min: 3, max: 2}}, kind: public"),
                "workload.replicas.max: must be at least replicas.min",
            ),
            (
                ("kind: public", "workload: {min_available: 2}, kind: public"),
                "workload.min_available: must be below replicas.min",
            ),
            (
                ("  kind: internal", "  release: istio-ingressgateway\n  namespace: istio-ingress\n  kind: internal"),
                "gateways.internal.release",
            ),
            (
                ("tls: {secret: edge}", 'tls: {secret: edge, min_version: "1.3", max_version: "1.2"}'),
                "max_version: must not be below",
            ),
        ],
    )
    def test_are_told_with_their_path(self, change: tuple[str, str], sentence: str):
        assert any(sentence in mistake for mistake in mistakes(gateways=GATEWAYS.replace(*change, 1)))

    def test_tcp_on_a_public_gateway(self):
        tcp = "pg: {port: 5432, protocol: TCP, destination: {host: pg.data.svc.cluster.local, port: 5432}}"
        found = mistakes(gateways=GATEWAYS.replace("{https:", f"{{{tcp}, https:", 1))
        assert [
            m for m in found if m.startswith("gateways.public.listeners.pg.protocol: TCP is for internal gateways only")
        ]

    def test_a_tcp_destination_that_no_app_has(self):
        tcp = "pg: {port: 5432, protocol: TCP, destination: {host: typo.chatgpt-production.svc.cluster.local, port: 1}}"
        found = mistakes(gateways=GATEWAYS.replace("{https: {hosts: [inside", f"{{{tcp}, https: {{hosts: [inside"))
        assert any("listeners.pg.destination.host: no app of chatgpt-production has this service" in m for m in found)

    def test_an_egress_gateway_with_listeners(self):
        found = mistakes(gateways=GATEWAYS + "out: {kind: egress, listeners: {a: {hosts: [a.example.com]}}}")
        assert any(m.startswith("gateways.out.listeners: an egress gateway has no listeners") for m in found)


def test_what_it_makes_is_served_by_the_crds():
    built = mesh("{further_hosts: [{host: inside.example.org, gateway: internal}]}")
    assert_served(*(o.resource.to_dict() for o in built.objects if o.resource.kind == "Gateway"))
