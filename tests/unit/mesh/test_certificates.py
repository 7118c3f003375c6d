"""Listeners' certificates: who signs them is declared, and what proves a host opens nothing else."""

from __future__ import annotations

import zlib

import pytest

from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from meshlint.reachability.request import Outcome
from tests.unit.mesh.stack import TODAY, asked, declaration, manifest, mesh, mistakes

PAGE = "/.well-known/acme-challenge/token"
HOST = "chatgpt-mcp.example.com"


def gateways(hosts: str = HOST, issuer: str = "letsencrypt", rest: str = "", certificate: str = "") -> str:
    listener = f"{{hosts: ['{hosts}'], tls: {{cert_manager: {{issuer: {issuer}{certificate}}}}}}}"
    return f"public: {{kind: public, listeners: {{https: {listener}}}{rest}}}"


BY_PAGE = {"letsencrypt": {"acme": {"http01": {}}}}
BY_RECORD = {"letsencrypt": {"acme": {"dns01": {"cloud_dns": {"project": "acme-dns", "zone": "example-com"}}}}}


class TestIssuers:
    def test_prove_hosts_by_a_record_that_one_zone_takes(self):
        issuer = manifest(mesh(gateways=gateways("*.example.com"), certificate_issuers=BY_RECORD), LETSENCRYPT)
        assert issuer["acme"]["server"] == "https://acme-v02.api.letsencrypt.org/directory"
        assert issuer["acme"]["privateKeySecretRef"] == {"name": "letsencrypt-account"}
        (solver,) = issuer["acme"]["solvers"]
        assert solver == {"dns01": {"cloudDNS": {"project": "acme-dns", "hostedZoneName": "example-com"}}}

    def test_are_bound_to_an_account_that_the_ca_knows(self):
        bound = {"external_account": {"key_id": "kid-1", "secret": "eab"}, "email": "platform@example.com"}
        issuers = {"letsencrypt": {"acme": {**BY_RECORD["letsencrypt"]["acme"], **bound}}}
        acme = manifest(mesh(gateways=gateways(), certificate_issuers=issuers), LETSENCRYPT)["acme"]
        assert acme["externalAccountBinding"] == {"keyID": "kid-1", "keySecretRef": {"name": "eab", "key": "secret"}}
        assert acme["email"] == "platform@example.com"

    def test_are_a_ca_of_your_own(self):
        issuers = {"letsencrypt": {"ca": {"secret": "company-ca"}}}
        assert manifest(mesh(gateways=gateways(), certificate_issuers=issuers), LETSENCRYPT) == {
            "ca": {"secretName": "company-ca"}
        }

    def test_that_are_there_already_are_not_made(self):
        built = mesh(gateways=gateways(), certificate_issuers={"letsencrypt": {"existing": True}})
        assert not [made for made in built.objects if made.resource.kind == "ClusterIssuer"]
        assert manifest(built, CERTIFICATE)["issuerRef"]["name"] == "letsencrypt"


LETSENCRYPT = "ClusterIssuer/letsencrypt"
CERTIFICATE = "Certificate/istio-ingress/public-https-tls"


class TestCertificates:
    def test_fill_the_secret_that_the_listener_serves(self):
        built = mesh(gateways=gateways("*.example.com"), certificate_issuers=BY_RECORD)
        certificate = manifest(built, CERTIFICATE)
        assert certificate["dnsNames"] == ["*.example.com"]
        assert certificate["issuerRef"]["name"] == "letsencrypt"
        tls = manifest(built, "Gateway/istio-ingress/public")["servers"][0]["tls"]
        assert tls["credentialName"] == certificate["secretName"]

    def test_have_the_lifetime_that_is_declared(self):
        built = mesh(
            gateways=gateways(certificate=", duration: 720h, renew_before: 240h"), certificate_issuers=BY_RECORD
        )
        certificate = manifest(built, CERTIFICATE)
        assert (certificate["duration"], certificate["renewBefore"]) == ("2592000s", "864000s")

    def test_are_nothing_that_a_route_waits_for(self):
        built = mesh(gateways=gateways(), certificate_issuers=BY_PAGE)
        waited = {key for keys in built.routes_need.values() for key in keys}
        assert waited
        assert not [key for key in waited if key.startswith(("Certificate/", "ClusterIssuer/"))]


class TestThePageOfAChallenge:
    """HTTP-01: one path of port 80 leads to cert-manager's solver, and the rest is redirected as before."""

    @pytest.mark.parametrize("path", ["/", "/mcp", "/.well-known/", "/.well-known/oauth-protected-resource/mcp"])
    def test_is_alone_on_port_80(self, path: str):
        found = asked(mesh(gateways=gateways(), certificate_issuers=BY_PAGE), path, port=80)
        assert found.outcome is Outcome.REDIRECTED, str(found)

    def test_is_answered_by_the_solver(self):
        found = asked(mesh(gateways=gateways(), certificate_issuers=BY_PAGE), PAGE, port=80)
        assert found.outcome is Outcome.ALLOWED, str(found)
        assert found.destination == f"acme-{zlib.adler32(HOST.encode())}.istio-ingress.svc.cluster.local"

    def test_is_redirected_like_the_rest_where_records_prove_the_host(self):
        found = asked(mesh(gateways=gateways(), certificate_issuers=BY_RECORD), PAGE, port=80)
        assert found.outcome is Outcome.REDIRECTED, str(found)

    def test_is_found_by_the_labels_that_cert_manager_gives_its_pods(self):
        built = mesh(gateways=gateways(), certificate_issuers=BY_PAGE)
        hashed = str(zlib.adler32(HOST.encode()))
        assert manifest(built, f"Service/istio-ingress/acme-{hashed}")["selector"] == {
            "acme.cert-manager.io/http01-solver": "true",
            "acme.cert-manager.io/http-domain": hashed,
        }

    def test_is_the_only_path_that_leads_on(self):
        challenge, redirect = manifest(
            mesh(gateways=gateways(), certificate_issuers=BY_PAGE),
            f"VirtualService/istio-ingress/acme-{zlib.adler32(HOST.encode())}",
        )["http"]
        assert challenge["match"] == [{"uri": {"prefix": "/.well-known/acme-challenge/"}}]
        assert redirect["redirect"] == {"scheme": "https", "redirectCode": 301}

    def test_has_a_gateway_that_no_route_of_an_app_can_stand_at(self):
        built = mesh(gateways=gateways(), certificate_issuers=BY_PAGE)
        (server,) = manifest(built, "Gateway/istio-ingress/public-acme")["servers"]
        assert server["hosts"] == [f"istio-ingress/{HOST}"]
        assert manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp")["gateways"] == ["istio-ingress/public"]

    def test_leaves_other_hosts_their_redirect(self):
        other = f"{{https: {{hosts: [{HOST}], tls: {{cert_manager: {{issuer: letsencrypt}}}}}}, "
        other += "more: {hosts: [www.example.com], tls: {secret: www}}}"
        built = mesh(gateways=f"public: {{kind: public, listeners: {other}}}", certificate_issuers=BY_PAGE)
        redirects = [s for s in manifest(built, "Gateway/istio-ingress/public")["servers"] if s["port"]["number"] == 80]
        assert [server["hosts"] for server in redirects] == [["www.example.com"]]


class TestMistakes:
    @pytest.mark.parametrize(
        ("declared", "issuers", "sentence"),
        [
            (
                gateways(),
                {},
                "gateways.public.listeners.https.tls.cert_manager.issuer: is no issuer of this stack (none); declare "
                "it under certificate_issuers, with existing: true if its ClusterIssuer is on the cluster already "
                "(given: 'letsencrypt')",
            ),
            (
                gateways("*.example.com"),
                BY_PAGE,
                "gateways.public.listeners.https.tls.cert_manager.issuer: proves hosts by a page (http01), and "
                "gateways.public.listeners.https.hosts has *.example.com, which no page proves; list the hosts one by "
                "one, or give the issuer dns01 (given: 'letsencrypt')",
            ),
            (
                gateways(rest=", redirect_http: false"),
                BY_PAGE,
                "gateways.public.redirect_http: leaves port 80 closed, where certificate_issuers.letsencrypt has its "
                "page (http01); set it to true, or use an issuer with dns01 or ca (given: False)",
            ),
            (
                gateways(certificate=", duration: 24h, renew_before: 24h"),
                BY_RECORD,
                "gateways.public.listeners.https.tls.cert_manager.renew_before: must be less than the time that the "
                "certificate is good for, 86400s (given: '86400s')",
            ),
            (
                gateways(),
                {"letsencrypt": {}},
                "certificate_issuers.letsencrypt: needs exactly one of acme, ca and existing: true",
            ),
            (
                gateways(),
                {"letsencrypt": {"existing": True, "ca": {"secret": "company-ca"}}},
                "certificate_issuers.letsencrypt: needs exactly one of acme, ca and existing: true",
            ),
            (
                gateways(),
                {"letsencrypt": {"acme": {}}},
                "certificate_issuers.letsencrypt.acme: needs exactly one of dns01 (a DNS record, also for hosts with a "
                "'*') and http01 (a page on port 80)",
            ),
        ],
    )
    def test_are_told(self, declared: str, issuers: dict[str, object], sentence: str):
        assert sentence in mistakes(gateways=declared, certificate_issuers=issuers)

    def test_a_page_is_read_from_the_internet(self):
        inside = "internal: {kind: internal, listeners: {web: {hosts: [in.example.com], tls: "
        inside += "{cert_manager: {issuer: letsencrypt}}}}}"
        told = mistakes(gateways=f"{gateways()}\n{inside}", certificate_issuers=BY_PAGE)
        assert told == [
            "gateways.internal.listeners.web.tls.cert_manager.issuer: proves hosts by a page that the CA reads from "
            "the internet (http01), and gateways.internal is of kind internal; use an issuer with dns01 or ca (given: "
            "'letsencrypt')"
        ]

    def test_an_issuer_that_could_not_be_read_is_no_missing_one(self):
        spec = MeshSpec.model_validate(declaration(gateways=gateways()))
        assert not list(problems(spec, TODAY, unread=["certificate_issuers.letsencrypt"]))
