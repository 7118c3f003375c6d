"""What each kind of object becomes."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.importing.comparison import compared
from chatgpt_mesh.importing.imported import Imported
from tests.unit.importing import inputs
from tests.unit.importing.inputs import ROUTES, TO_CART, cart, declared, routed, says, shop

pytestmark = pytest.mark.unit


class TestWorkloads:
    def test_an_app_is_a_service_with_the_pods_behind_it(self) -> None:
        found = declared(shop())
        assert cart(found) == {"namespace": "shop", "service": {"port": 80, "target_port": 8080}}
        assert found.values["apps"]["checkout"] == {"namespace": "shop"}
        assert [one["kind"] for one in found.rest] == ["Service", "Deployment", "Deployment"]

    def test_its_account_and_its_labels_are_those_of_the_pods(self) -> None:
        objects = shop()
        objects[0]["spec"]["selector"] = {"role": "cart"}
        objects[1]["spec"]["template"] = {
            "metadata": {"labels": {"role": "cart", "version": "v1"}},
            "spec": {"serviceAccountName": "carts"},
        }
        assert cart(declared(objects))["labels"] == {"role": "cart"}
        assert cart(declared(objects))["service_account"] == "carts"

    def test_the_account_of_every_pod_is_no_identity(self) -> None:
        objects = shop()
        del objects[1]["spec"]["template"]["spec"]["serviceAccountName"]
        found = declared(objects)
        assert "service_account" not in cart(found)
        assert says(found, "", "apps.cart: its pods run under the account default, which every pod may run under")

    def test_bytes_are_no_app(self) -> None:
        found = declared(shop("{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {app: db}, "
                              "ports: [{name: mysql, port: 3306}]}}"))  # fmt: skip
        assert "db" not in found.values["apps"]
        assert says(found, "", "security.visible_services")

    def test_a_namespace_that_is_there_stays_whoever_made_it(self) -> None:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}
        found = declared([*shop(), namespace])
        assert found.values["namespaces"] == {"shop": {"existing": True}}
        assert namespace in found.rest

    def test_what_names_no_namespace_is_taken_for_one_of_its_own(self) -> None:
        found = declared(inputs.httpbin(), namespace="web")
        assert found.values["apps"]["httpbin"]["namespace"] == "web"
        assert says(found, "", "5 objects name no namespace and are taken for namespace web")

    def test_the_namespace_default_is_no_place_for_an_app(self) -> None:
        objects = shop()
        for one in objects:
            one["metadata"]["namespace"] = "default"
        found = declared(objects)
        assert "apps" not in found.values
        assert says(found, "", "choose a namespace of its own")


class TestGateways:
    def test_a_server_is_a_listener(self) -> None:
        found = routed(f"- {TO_CART}")
        assert found.values["gateways"] == {
            "public": {
                "kind": "public",
                "listeners": {"https": {"port": 443, "tls": {"secret": "cart-tls"}, "hosts": ["cart.acme.example"]}},
            }
        }
        assert (cart(found)["host"], cart(found)["gateway"]) == ("cart.acme.example", "public")

    def test_plain_http_is_redirected_and_https_assumed(self) -> None:
        found = declared(inputs.httpbin(), domain="acme.example")
        (listener,) = found.values["gateways"]["public"]["listeners"].values()
        assert listener["tls"] == {"secret": "public-tls"}
        assert listener["hosts"] == ["httpbin.acme.example"]
        assert says(found, "spec.servers[0] ", "no host is served over plain HTTP")
        assert says(found, "", "a certificate in the Secret public-tls of the gateway's namespace are assumed")
        assert says(found, "", "VirtualService/apps/httpbin has the host `*`, and an app owns a name")

    def test_a_gateway_of_another_label_has_a_release_of_its_own(self) -> None:
        objects = shop(ROUTES.format(http=f"- {TO_CART}"))
        objects[3]["spec"]["selector"] = {"istio": "partners"}
        assert declared(objects).values["gateways"]["partners"] | {"listeners": ...} == {
            "kind": "public", "release": "istio-partners", "namespace": "istio-partners", "listeners": ...
        }  # fmt: skip

    def test_mutual_tls_and_versions(self) -> None:
        objects = shop(ROUTES.format(http=f"- {TO_CART}"))
        objects[3]["spec"]["servers"][0]["tls"] = {
            "mode": "MUTUAL", "credentialName": "c", "minProtocolVersion": "TLSV1_3", "subjectAltNames": ["a"]
        }  # fmt: skip
        (listener,) = declared(objects).values["gateways"]["public"]["listeners"].values()
        assert listener["tls"] == {"secret": "c", "min_version": "1.3", "client_certificates": {"subjects": ["a"]}}


class TestRoutes:
    def test_paths_methods_and_what_is_done(self) -> None:
        found = routed(
            "- {match: [{uri: {exact: /a}, method: {exact: POST}}], timeout: 3s, rewrite: {uri: /b}, "
            f"headers: {{response: {{remove: [X-A]}}}}, {TO_CART}}}\n"
            "    - {match: [{uri: {prefix: /old/}}], redirect: {uri: /new, redirectCode: 302}}\n"
            "    - {match: [{uri: {exact: /up}}], directResponse: {status: 204}}"
        )
        assert [{**route, "methods": len(route["methods"])} for route in cart(found)["routes"]] == [
            {
                "exact": "/a", "methods": 1, "timeout": "3s", "rewrite": "/b",
                "headers": {"response": {"remove": ["x-a"]}},
            },
            {"prefix": "/old/", "methods": 7, "redirect": {"status": 302, "path": "/new"}},
            {"exact": "/up", "methods": 7, "respond": {"status": 204}},
        ]  # fmt: skip

    def test_a_prefix_of_a_word_is_the_word_and_all_below(self) -> None:
        found = routed(f"- {{match: [{{uri: {{prefix: /a}}}}], {TO_CART}}}")
        assert [next(iter(route.items())) for route in cart(found)["routes"]] == [("exact", "/a"), ("prefix", "/a/")]
        assert says(found, "spec.http[0].match[0].uri.prefix", "longer words that begin alike are no part of it")

    def test_a_match_by_something_else_is_told(self) -> None:
        found = routed(f"- {{match: [{{uri: {{regex: /x.*}}}}], {TO_CART}}}\n    - {{{TO_CART}}}")
        assert says(found, "spec.http[0] ", "a route is chosen by its path and method")
        assert [route["prefix"] for route in cart(found)["routes"]] == ["/"]

    def test_what_the_product_refuses_is_told_in_its_words(self) -> None:
        found = routed(f"- {{retries: {{attempts: 3, retryOn: '5xx'}}, {TO_CART}}}")
        assert cart(found)["routes"][0]["retries"] == {"attempts": 3}
        assert says(found, "spec.http[0].retries.retryOn", "these conditions may run a request twice")

    def test_cors(self) -> None:
        found = routed(
            "- {corsPolicy: {allowOrigins: [{exact: 'https://chatgpt.com'}, {regex: '.*'}], allowHeaders: [X-A], "
            f"allowCredentials: true, maxAge: 1h}}, {TO_CART}}}"
        )
        assert cart(found)["cors"] == {
            "origins": ["https://chatgpt.com"], "request_headers": ["x-a"], "credentials": True, "max_age": "1h"
        }  # fmt: skip
        assert says(found, "spec.http[0].corsPolicy.allowOrigins[1]", "origins are listed one by one")


def in_mesh(*networking: str, app: str = "reviews") -> dict[str, Any]:
    found = declared(inputs.bookinfo(*networking)).values["apps"][app]
    return {key: found[key] for key in ("versions", "rollout", "faults", "load_balancing") if key in found}


class TestVersions:
    @pytest.mark.parametrize(
        ("name", "rollout"),
        [
            ("all-v1", {"stable": "v1"}),
            ("reviews-80-20", {"stable": "v1", "canary": {"version": "v2", "percent": 20}}),
            ("reviews-90-10", {"stable": "v1", "canary": {"version": "v2", "percent": 10}}),
            ("reviews-50-v3", {"stable": "v1", "canary": {"version": "v3", "percent": 50}}),
            ("reviews-v2-v3", {"stable": "v2", "canary": {"version": "v3", "percent": 50}}),
            ("reviews-v3", {"stable": "v3"}),
        ],
    )
    def test_weights_are_a_rollout(self, name: str, rollout: dict[str, Any]) -> None:
        assert in_mesh("destination-rule-all", f"virtual-service-{name}")["rollout"] == rollout

    def test_a_header_that_leads_to_a_version_is_its_pin(self) -> None:
        assert in_mesh("destination-rule-all", "virtual-service-reviews-jason-v2-v3") == {
            "versions": {"v2": {"pin": {"header": "end-user", "value": "jason"}}, "v3": {}},
            "rollout": {"stable": "v3"},
        }

    def test_a_fault_for_a_header_is_a_fault(self) -> None:
        assert in_mesh("virtual-service-ratings-test-delay", app="ratings")["faults"] == [
            {"header": "end-user", "value": "jason", "delay": "7s", "percent": 100.0}
        ]
        assert in_mesh("virtual-service-ratings-test-abort", app="ratings")["faults"] == [
            {"header": "end-user", "value": "jason", "abort": 500, "percent": 100.0}
        ]

    def test_a_fault_for_everybody_is_told(self) -> None:
        found = declared(inputs.bookinfo("fault-injection-details-v1"))
        assert "faults" not in found.values["apps"]["details"]
        assert says(found, "spec.http[0].fault", "nobody gets this one any more")
        assert says(found, "spec.http[1]", "the route before takes everything")

    def test_load_balancing_and_subsets_that_nobody_is_led_to(self) -> None:
        found = declared(inputs.bookinfo("destination-rule-reviews"))
        assert found.values["apps"]["reviews"]["load_balancing"] == {"algorithm": "random"}
        assert "versions" not in found.values["apps"]["reviews"]
        assert says(found, "spec.subsets[0]", "no route leads to this subset")

    def test_shares_that_are_no_whole_percents_are_rounded_and_told(self) -> None:
        objects = inputs.bookinfo("destination-rule-all", "virtual-service-reviews-80-20")
        objects[-1]["spec"]["http"][0]["route"][1]["weight"] = 21
        found = declared(objects)
        assert found.values["apps"]["reviews"]["rollout"]["canary"]["percent"] == 21
        assert says(found, "spec.http[0].route[1]", "21 of 101 is no whole percent; it is rounded")


class TestAGatewayThatRuns:
    PODS = """
apiVersion: v1
kind: Service
metadata: {name: edge-lb, namespace: istio-system}
spec: {selector: {app: edge}, ports: [{name: https, port: 443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec: {template: {metadata: {labels: {app: edge, pool: a}}, spec: {serviceAccountName: edge-sa}}}
---
"""

    def objects(self) -> list[dict[str, Any]]:
        objects = shop(self.PODS + ROUTES.format(http=f"- {TO_CART}"))
        next(one for one in objects if one["kind"] == "Gateway")["spec"]["selector"] = {"app": "edge"}
        return objects

    def test_goes_on_and_is_no_app(self) -> None:
        found = declared(self.objects())
        gateway = found.values["gateways"]["public"]
        assert {key: gateway[key] for key in ("namespace", "release", "existing")} == {
            "namespace": "istio-system",
            "release": "edge-lb",
            "existing": {"labels": {"app": "edge"}, "service_account": "edge-sa"},
        }
        assert found.values["apps"].keys() == {"cart", "checkout"}

    def test_requests_through_it_are_answered_as_before(self) -> None:
        found = declared(self.objects())
        asked = [one.request for one in compared(found).changes if one.request.host == "cart.acme.example"]
        assert asked
        assert not any(one.port == 443 and one.method == "GET" and one.path == "/" and not one.headers for one in asked)


class TestOddInputs:
    def test_of_two_manifests_of_an_object_the_last_one_holds(self) -> None:
        objects = shop()
        again = {**objects[0], "spec": {"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 8000}]}}
        found = declared([*objects, again])
        assert cart(found)["service"] == {"port": 8000}
        assert says(found, "", "Service/shop/cart: another manifest of the same object follows, and holds")
        assert [one["spec"]["ports"][0]["port"] for one in found.rest if one["kind"] == "Service"] == [8000]

    def test_what_istio_refuses_stays_with_its_reason(self) -> None:
        route = "{route: [{destination: {host: cart}, weight: many}]}"
        found = routed(f"- {route}")
        assert any("Istio does not take it as it is: " in source.kept_why for source in found.sources)

    def test_a_service_that_is_called_like_a_version_of_another_app(self) -> None:
        """Both would have a Deployment of one name to the checker."""
        versions = inputs.read(inputs.samples() / "bookinfo" / "platform" / "kube" / "bookinfo-versions.yaml")
        found = declared([*inputs.bookinfo("destination-rule-all", "virtual-service-reviews-80-20"), *versions])
        assert found.values["apps"]["reviews-v1-app"]["service"]["name"] == "reviews-v1"
        assert found.values["apps"]["reviews"]["rollout"]["stable"] == "v1"

    def test_a_name_that_is_none_of_an_app_is_made_one(self) -> None:
        objects = shop()
        objects[2]["metadata"]["name"] = "checkout.v1"
        assert "checkout-v1" in declared(objects).values["apps"]

    def test_what_is_assumed_and_refused_is_told(self) -> None:
        objects = shop()
        objects[1]["spec"]["template"]["spec"]["serviceAccountName"] = "cart.v1"
        found = declared(objects)
        assert "service_account" not in cart(found)
        assert says(found, "", "apps.cart.service_account is not declared: must be a DNS label")


class TestEjection:
    RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
spec: {{host: cart, trafficPolicy: {{outlierDetection: {{{said}}}}}}}
"""

    def outlier(self, said: str) -> tuple[dict[str, Any], Imported]:
        found = declared(shop(self.RULE.format(said=said)))
        return cart(found)["resilience"]["outlier"], found

    def test_five_errors_are_istios_default(self) -> None:
        assert self.outlier("interval: 5s")[0] == {
            "interval": "5s", "consecutive_5xx": 5, "consecutive_gateway_errors": 0
        }  # fmt: skip

    def test_a_count_without_effect_is_told(self) -> None:
        declared_, found = self.outlier("consecutiveGatewayErrors: 7, consecutive5xxErrors: 6")
        assert declared_ == {"consecutive_5xx": 6, "consecutive_gateway_errors": 0}
        assert says(found, "spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors", "has no effect")
