"""What may leave the mesh: by host, port and caller, through the egress gateway, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chatgpt_mesh.mesh.objects import egress
from chatgpt_mesh.mesh.specs.egress import EgressSpec
from chatgpt_mesh.mesh.specs.mesh import problems as cross_check
from tests.unit.mesh.declared import TODAY, by_key, declaration, graph, mistakes, owners, sentences

OPENAI = "allow: [{host: api.openai.com, from: [chatgpt-mcp]}]"
GOOGLE = 'allow: [{host: "*.googleapis.com", from: [chatgpt-mcp, chatgpt-frontend]}]'
HOOKS = """
allow:
- host: hooks.example.org
  from: [chatgpt-mcp, {namespace: jobs, service_account: batch}]
  originate_tls: {methods: [POST], paths: [/v1/events]}
"""
MCP = "cluster.local/ns/chatgpt-production/sa/chatgpt-mcp"


def objects(text: str) -> dict[str, dict[str, Any]]:
    return by_key(egress.objects(graph(egress=text)))


def problems(text: str, **sections: str) -> list[str]:
    return mistakes(egress=text, **sections)


class TestAHost:
    """api.openai.com for one app; the app speaks TLS itself."""

    def test_is_registered_for_its_callers_and_the_gateway_only(self) -> None:
        assert objects(OPENAI)["ServiceEntry/istio-egress/egress-api-openai-com"] == {
            "hosts": ["api.openai.com"],
            "ports": [{"number": 443, "protocol": "TLS", "name": "tls-443"}],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "exportTo": ["chatgpt-production", "istio-egress"],
        }

    def test_goes_from_the_sidecar_to_the_egress_gateway(self) -> None:
        route = objects(OPENAI)["VirtualService/istio-egress/egress-api-openai-com-to-gateway"]
        assert route["gateways"] == ["mesh"]
        assert route["tls"] == [
            {
                "match": [{"sniHosts": ["api.openai.com"], "port": 443}],
                "route": [
                    {
                        "destination": {
                            "host": "istio-egressgateway.istio-egress.svc.cluster.local",
                            "subset": "api-openai-com",
                            "port": {"number": 443},
                        }
                    }
                ],
            }
        ]

    def test_is_wrapped_in_mutual_tls_so_that_the_gateway_knows_the_caller(self) -> None:
        found = objects(OPENAI)
        assert found["DestinationRule/istio-egress/out-tunnel"]["subsets"] == [
            {"name": "api-openai-com", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": "api.openai.com"}}}
        ]
        assert found["Gateway/istio-egress/egress-api-openai-com"]["servers"] == [
            {
                "port": {"number": 443, "protocol": "TLS", "name": "tls-api-openai-com"},
                "hosts": ["api.openai.com"],
                "tls": {"mode": "ISTIO_MUTUAL"},
            }
        ]

    def test_leaves_the_gateway_for_the_host(self) -> None:
        route = objects(OPENAI)["VirtualService/istio-egress/egress-api-openai-com-from-gateway"]
        assert route["gateways"] == ["istio-egress/egress-api-openai-com"]
        assert route["tcp"][0]["route"] == [{"destination": {"host": "api.openai.com", "port": {"number": 443}}}]

    def test_is_allowed_at_the_gateway_for_its_callers_by_identity_and_server_name(self) -> None:
        assert objects(OPENAI)["AuthorizationPolicy/istio-egress/egress-api-openai-com"] == {
            "selector": {"matchLabels": {"istio": "egressgateway"}},
            "action": "ALLOW",
            "rules": [
                {
                    "from": [{"source": {"principals": [MCP]}}],
                    "when": [{"key": "connection.sni", "values": ["api.openai.com"]}],
                }
            ],
        }

    def test_needs_no_envoy_filter(self) -> None:
        assert not [key for key in objects(OPENAI) if key.startswith("EnvoyFilter/")]

    def test_is_owned_by_its_place_in_the_stack_file(self) -> None:
        found = owners(egress.objects(graph(egress=OPENAI)))
        assert found["ServiceEntry/istio-egress/egress-api-openai-com"] == "egress.allow.0"
        assert found["DestinationRule/istio-egress/out-tunnel"] == "gateways.out"


def test_an_egress_gateway_denies_by_default_even_without_destinations() -> None:
    assert objects("")["AuthorizationPolicy/istio-egress/out-allow-nothing"] == {
        "selector": {"matchLabels": {"istio": "egressgateway"}}
    }


class TestPorts:
    TWO = """
allow:
- {host: db.example.org, port: 443, from: [chatgpt-mcp]}
- {host: db.example.org, port: 5432, protocol: tcp, from: [chatgpt-api]}
"""

    def test_of_one_host_share_its_entry_and_its_route_as_istio_takes_one_of_each(self) -> None:
        found = objects(self.TWO)
        entry = found["ServiceEntry/istio-egress/egress-db-example-org"]
        assert [(p["number"], p["protocol"]) for p in entry["ports"]] == [(443, "TLS"), (5432, "TCP")]
        route = found["VirtualService/istio-egress/egress-db-example-org-to-gateway"]
        assert len(route["tls"]) == len(route["tcp"]) == 1

    def test_have_server_names_of_their_own_so_that_the_policy_tells_them_apart(self) -> None:
        found = objects(self.TWO)
        names = {
            key.split("/")[2]: policy["rules"][0]["when"][0]["values"]
            for key, policy in found.items()
            if key.startswith("AuthorizationPolicy/") and "rules" in policy
        }
        assert names == {
            "egress-db-example-org": ["db.example.org"],
            "egress-db-example-org-5432": ["db.example.org.tcp-5432.invalid"],
        }
        subsets = found["DestinationRule/istio-egress/out-tunnel"]["subsets"]
        assert [s["trafficPolicy"]["tls"]["sni"] for s in subsets] == [
            "db.example.org",
            "db.example.org.tcp-5432.invalid",
        ]


class TestAWildcard:
    def test_is_resolved_by_the_name_that_is_asked_for(self) -> None:
        entry = objects(GOOGLE)["ServiceEntry/istio-egress/egress-any-googleapis-com"]
        assert (entry["hosts"], entry["resolution"]) == (["*.googleapis.com"], "DYNAMIC_DNS")

    def test_keeps_the_name_on_its_way_to_the_gateway(self) -> None:
        found = objects(GOOGLE)
        for namespace in ("chatgpt-production", "chatgpt-frontend"):
            (patch,) = found[f"EnvoyFilter/{namespace}/out-forward-server-name"]["configPatches"]
            assert patch["match"]["listener"]["filterChain"]["sni"] == "*.googleapis.com"
            state = patch["patch"]["value"]["typed_config"]["on_new_connection"][0]
            assert state["object_key"] == "envoy.network.upstream_server_name"
        (subset,) = found["DestinationRule/istio-egress/out-tunnel"]["subsets"]
        assert "sni" not in subset["trafficPolicy"]["tls"]

    def test_is_resolved_at_the_gateway_in_the_cache_of_istios_own_cluster(self) -> None:
        (patch,) = objects(GOOGLE)["EnvoyFilter/istio-egress/out-resolve-server-name"]["configPatches"]
        config = patch["patch"]["value"]["typed_config"]
        assert config["dns_cache_config"] == {"name": "*.googleapis.com_dfp_dns_cache", "dns_lookup_family": "V4_ONLY"}
        assert config["port_value"] == 443

    def test_is_allowed_for_names_below_it_only(self) -> None:
        (rule,) = objects(GOOGLE)["AuthorizationPolicy/istio-egress/egress-any-googleapis-com"]["rules"]
        assert rule["when"] == [{"key": "connection.sni", "values": ["*.googleapis.com"]}]

    def test_has_a_gateway_of_its_own_or_its_route_would_take_the_hosts_below_it(self) -> None:
        found = objects(
            'allow: [{host: "*.example.org", from: [chatgpt-mcp]}, {host: a.example.org, from: [chatgpt-mcp]}]'
        )
        gateways = {key: spec["servers"] for key, spec in found.items() if key.startswith("Gateway/")}
        assert {key: [server["hosts"] for server in servers] for key, servers in gateways.items()} == {
            "Gateway/istio-egress/egress-any-example-org": [["*.example.org"]],
            "Gateway/istio-egress/egress-a-example-org": [["a.example.org"]],
        }
        route = found["VirtualService/istio-egress/egress-a-example-org-from-gateway"]
        assert route["gateways"] == ["istio-egress/egress-a-example-org"]

    def test_is_no_way_around_the_callers_of_a_host_that_is_declared_by_itself(self) -> None:
        found = objects("""
allow:
- {host: "*.example.org", from: [chatgpt-mcp]}
- {host: "*.eu.example.org", from: [chatgpt-api]}
- {host: secret.example.org, from: [chatgpt-api]}
- {host: secret.example.org, port: 8443, from: [chatgpt-api]}
""")
        (rule,) = found["AuthorizationPolicy/istio-egress/egress-any-example-org"]["rules"]
        assert rule["when"] == [
            {
                "key": "connection.sni",
                "values": ["*.example.org"],
                "notValues": ["*.eu.example.org", "secret.example.org"],
            }
        ]


class TestTlsOpenedByTheMesh:
    def test_the_app_speaks_http_on_its_own_port(self) -> None:
        entry = objects(HOOKS)["ServiceEntry/istio-egress/egress-hooks-example-org"]
        assert entry["ports"] == [{"number": 80, "protocol": "HTTP", "name": "http-80", "targetPort": 443}]

    def test_the_certificate_of_the_host_is_verified_by_name(self) -> None:
        rule = objects(HOOKS)["DestinationRule/istio-egress/egress-hooks-example-org"]
        assert rule["trafficPolicy"]["tls"] == {
            "mode": "SIMPLE",
            "subjectAltNames": ["hooks.example.org"],
            "sni": "hooks.example.org",
        }

    def test_only_the_gateway_opens_it(self) -> None:
        assert objects(HOOKS)["DestinationRule/istio-egress/egress-hooks-example-org"]["exportTo"] == ["istio-egress"]

    def test_methods_and_paths_are_enforced_at_the_gateway(self) -> None:
        (rule,) = objects(HOOKS)["AuthorizationPolicy/istio-egress/egress-hooks-example-org-80"]["rules"]
        assert rule["to"] == [
            {
                "operation": {
                    "hosts": ["hooks.example.org", "hooks.example.org:*"],
                    "methods": ["POST"],
                    "paths": ["/v1/events"],
                }
            }
        ]
        assert rule["from"] == [{"source": {"principals": [MCP, "cluster.local/ns/jobs/sa/batch"]}}]

    def test_a_call_never_runs_twice(self) -> None:
        found = objects(HOOKS)
        for way in ("to", "from"):
            key = "egress-hooks-example-org" + ("-80" if way == "from" else "") + f"-{way}-gateway"
            (http,) = found[f"VirtualService/istio-egress/{key}"]["http"]
            assert http["retries"] == {"attempts": 2, "retryOn": "connect-failure,refused-stream"}


class TestWithoutAnEgressGateway:
    GATEWAYS = '{public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}}'

    def test_it_must_be_said(self) -> None:
        assert problems(OPENAI, gateways=self.GATEWAYS) == [
            "egress.gateway: there is no gateway of kind egress; declare one under gateways, or say via: sidecar, "
            "which leaves the control to the caller's own proxy"
        ]

    def test_the_sidecar_goes_out_directly(self) -> None:
        text = "{via: sidecar, allow: [{host: api.openai.com, from: [chatgpt-mcp]}]}"
        assert problems(text, gateways=self.GATEWAYS) == []
        found = by_key(egress.objects(graph(egress=text, gateways=self.GATEWAYS)))
        assert list(found) == ["ServiceEntry/istio-system/egress-api-openai-com"]
        assert found["ServiceEntry/istio-system/egress-api-openai-com"]["exportTo"] == ["chatgpt-production"]


def test_the_mesh_refuses_what_is_not_registered() -> None:
    assert egress.outbound_traffic_policy().to_dict() == {"mode": "REGISTRY_ONLY"}


@pytest.mark.parametrize("host", ["https://api.openai.com", "api.openai.com:443", "*", "*.com", "api.*.com"])
def test_a_host_is_a_name(host: str) -> None:
    with pytest.raises(ValidationError):
        EgressSpec.model_validate({"allow": [{"host": host, "from": ["chatgpt-mcp"]}]})


class TestAnAddress:
    """A database of a private network, for one app."""

    DATABASE = "allow: [{address: 10.1.2.3, port: 5432, protocol: tcp, from: [chatgpt-mcp]}]"

    def test_is_known_to_its_callers_and_the_gateway_by_the_address_itself(self) -> None:
        assert objects(self.DATABASE)["ServiceEntry/istio-egress/egress-10-1-2-3"] == {
            "hosts": ["10-1-2-3.address.invalid"],
            "addresses": ["10.1.2.3"],
            "endpoints": [{"address": "10.1.2.3"}],
            "ports": [{"number": 5432, "protocol": "TCP", "name": "tcp-5432"}],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "exportTo": ["chatgpt-production", "istio-egress"],
        }

    def test_is_the_gateways_to_let_out_for_this_caller_alone(self) -> None:
        [rule] = objects(self.DATABASE)["AuthorizationPolicy/istio-egress/egress-10-1-2-3-5432"]["rules"]
        assert rule["from"] == [{"source": {"principals": [MCP]}}]
        assert rule["when"] == [{"key": "connection.sni", "values": ["10-1-2-3.address.invalid.tcp-5432.invalid"]}]

    def test_has_ports_of_its_own(self) -> None:
        """A sidecar tells addresses apart, where hosts without a server name share their port."""
        two = self.DATABASE.replace("]}]", "]}, {address: 10.1.2.4, port: 5432, protocol: tcp, from: [chatgpt-mcp]}]")
        beside = two.replace("]}]", "]}, {host: db.example.org, port: 5432, protocol: tcp, from: [chatgpt-mcp]}]")
        assert problems(beside) == []

    @pytest.mark.parametrize(
        "address",
        ["8.8.8.8", "10.0.0.0/8", "10.1.2.3/32", "127.0.0.1", "169.254.169.254", "0.0.0.0", "fd00::1", "db", "10.1.2"],  # noqa: S104
    )
    def test_is_one_of_a_private_network(self, address: str) -> None:
        with pytest.raises(ValidationError):
            EgressSpec.model_validate({"allow": [{"address": address, "protocol": "tcp", "from": ["chatgpt-mcp"]}]})


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("{port: 5432, from: [chatgpt-mcp]}", "allow.0.host: is missing; name the host, or the address"),
        ("{address: 10.1.2.3, from: [chatgpt-mcp]}", "allow.0.protocol: must be tcp for an address"),
        (
            "{host: a.example.org, address: 10.1.2.3, protocol: tcp, from: [chatgpt-mcp]}",
            "allow.0.address: stands in place of host; keep one of them",
        ),
        (
            "{address: 10.1.2.3, protocol: tcp, from: [chatgpt-mcp]}, "
            "{address: 10.1.2.3, protocol: tcp, from: [chatgpt-api]}",
            "allow.1.address: egress.allow.0 declares this address and port; add the callers there",
        ),
        ("{host: a.example.org, from: []}", "allow.0.from: is empty, so nobody may call the host"),
        (
            "{host: a.example.org, from: [nobody]}",
            "allow.0.from.0: is no app of this stack (apps: chatgpt-api, chatgpt-frontend, chatgpt-mcp)",
        ),
        ('{host: "*.example.org", protocol: tcp, from: [chatgpt-mcp]}', "allow.0.protocol: must be tls for a wildcard"),
        (
            '{host: "*.example.org", originate_tls: {}, from: [chatgpt-mcp]}',
            "allow.0.originate_tls: needs one host name",
        ),
        ("{host: 203.0.113.7, from: [chatgpt-mcp]}", "allow.0.host: is an address; declare the name"),
        (
            "{host: a.example.org, originate_tls: {mutual: true}, from: [chatgpt-mcp]}",
            "allow.0.originate_tls.mutual: needs credential",
        ),
        (
            "{host: a.example.org, via: sidecar, originate_tls: {credential: x}, from: [chatgpt-mcp]}",
            "originate_tls.credential: is a Secret that only",
        ),
        (
            "{host: a.example.org, via: sidecar, originate_tls: {paths: [/a]}, from: [chatgpt-mcp]}",
            "allow.0.originate_tls: methods and paths",
        ),
        ("{host: chatgpt-mcp.example.com, from: [chatgpt-api]}", "allow.0.host: is the host of apps.chatgpt-mcp"),
        ("{host: redis.data.svc.cluster.local, from: [chatgpt-api]}", "allow.0.host: is a service of the cluster"),
        (
            "{host: a.example.org, from: [chatgpt-mcp]}, {host: a.example.org, from: [chatgpt-api]}",
            "allow.1.host: egress.allow.0 declares this host and port; add the callers there",
        ),
        (
            "{host: a.example.org, port: 5432, protocol: tcp, from: [chatgpt-mcp]}, "
            "{host: b.example.org, port: 5432, protocol: tcp, from: [chatgpt-mcp]}",
            "allow.1.port: egress.allow.0 takes the bytes of this port",
        ),
        (
            "{host: a.example.org, from: [chatgpt-mcp]}, {host: b.example.org, protocol: tcp, from: [chatgpt-mcp]}",
            "allow.1.port: apps speak tls on this port (egress.allow.0), so they cannot speak tcp on it too",
        ),
        (
            "{host: a.example.org, from: [chatgpt-mcp]}, "
            "{host: a.example.org, port: 8443, via: sidecar, from: [chatgpt-mcp]}",
            "allow.1.via: egress.allow.0 sends this host via: gateway",
        ),
        (
            "{host: a.example.org, port: 8443, from: [chatgpt-mcp]}, "
            "{host: a.example.org, originate_tls: {}, from: [chatgpt-mcp]}",
            "allow.1.host: egress.allow.0 declares this host; where the mesh opens its TLS",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(declared: str, sentence: str) -> None:
    found = problems(f"allow: [{declared}]")
    assert any(f"{sentence}" in one for one in found), found


def test_a_caller_that_did_not_parse_is_not_called_unknown() -> None:
    declared = declaration(egress="allow: [{host: a.example.org, from: [broken]}]")
    assert sentences(cross_check(declared, TODAY, {"apps.broken"})) == []


def test_several_egress_gateways_must_be_chosen_from() -> None:
    two = "{a: {kind: egress}, b: {kind: egress, release: istio-egress2}}"
    assert problems(OPENAI, gateways=two, apps="{chatgpt-mcp: {namespace: n}}") == [
        "egress.gateway: must name one of the egress gateways in egress.gateway: a, b"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a-b.example.org", "a.b.example.org"),
        ("a--b.example.org", "a-b.example.org"),
        ("x" * 63 + ".example.org", "x" * 62 + "y.example.org"),
    ],
)
def test_two_hosts_never_share_a_name(one: str, other: str) -> None:
    found = objects(f"allow: [{{host: {one}, from: [chatgpt-mcp]}}, {{host: {other}, from: [chatgpt-mcp]}}]")
    names = [key for key in found if key.startswith("ServiceEntry/")]
    assert len(names) == 2
    assert all(len(subset["name"]) <= 63 for subset in found["DestinationRule/istio-egress/out-tunnel"]["subsets"])
