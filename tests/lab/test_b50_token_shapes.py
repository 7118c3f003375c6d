"""B50: tokens in the shapes that issuers mint: scopes in `scp`, as one text with blanks or as a list, and without an
audience; and those of each provider's page, against the declaration that stands there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.request import send
from tests.identity_providers import Declared, declared
from tests.lab.running_lab import fails, marked, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

SCOPE = "orders.use"


def status(lab: RunningLab, **claims: Any) -> int:
    """The answer to a token with these claims; one that is refused must not reach the app."""
    test_id = new_id("shape")
    reply = send(marked(lab.call(token=lab.token(scopes=[], **claims)), test_id))
    if reply.status != 200:
        assert not lab.seen(test_id)
    return reply.status


class TestScopesInScp:
    @pytest.fixture(scope="class", autouse=True)
    def declared(self, lab: RunningLab) -> Iterator[None]:
        auth = lab.auth.model_copy(update={"scopes": (SCOPE,), "scope_claim": "scp", "claims": {}, "tools": {}})
        with lab.declaring_app(auth=auth):
            yield

    @pytest.mark.parametrize("scp", [SCOPE, f"openid {SCOPE}", ["openid", SCOPE]])
    def test_the_whole_word_passes(self, lab: RunningLab, scp: object) -> None:
        assert status(lab, scp=scp) == 200

    @pytest.mark.parametrize("scp", [f"{SCOPE}r", "openid orders", [f"{SCOPE}.all"], "", 7, {"x": SCOPE}])
    def test_nothing_else_does(self, lab: RunningLab, scp: object) -> None:
        assert status(lab, scp=scp) == 403

    def test_the_other_claim_does_not_count(self, lab: RunningLab) -> None:
        assert status(lab, scope=SCOPE) == 403

    def test_it_is_the_declared_split_that_finds_the_word(self, lab: RunningLab) -> None:
        def unsplit(tokens: dict[str, Any]) -> None:
            for rule in tokens["spec"]["jwtRules"]:
                rule.pop("spaceDelimitedClaims", None)

        with lab.objects.edited("RequestAuthentication", "istio-ingress", "public-tokens", unsplit), fails():
            self.test_the_whole_word_passes(lab, f"openid {SCOPE}")


class TestWithoutAudience:
    @pytest.fixture(scope="class", autouse=True)
    def declared(self, lab: RunningLab) -> Iterator[None]:
        bound = {"audience_claim": "client_id", "audiences": ("app-123",)}
        issuers = (lab.auth.issuers[0].model_copy(update=bound), *lab.auth.issuers[1:])
        auth = lab.auth.model_copy(update={"issuers": issuers, "scopes": (), "claims": {}, "tools": {}})
        with lab.declaring_app(auth=auth):
            yield

    def test_the_client_that_is_listed_passes(self, lab: RunningLab) -> None:
        assert status(lab, aud=None, client_id="app-123") == 200

    @pytest.mark.parametrize("client", [None, "app-1234", "app-12", ["app-124"]])
    def test_another_is_challenged(self, lab: RunningLab, client: object) -> None:
        assert status(lab, aud=None, client_id=client) == 401

    @pytest.mark.parametrize("audience", ["https://other.example.com", ["https://other.example.com", "b"]])
    def test_a_token_for_another_service_is_challenged(self, lab: RunningLab, audience: object) -> None:
        assert status(lab, aud=audience, client_id="app-123") == 401

    def test_it_is_the_route_that_binds_the_token(self, lab: RunningLab) -> None:
        def any_client(service: dict[str, Any]) -> None:
            for route in service["spec"]["http"]:
                for match in route.get("match", ()):
                    match.get("headers", {}).pop("@request.auth.claims[client_id]", None)

        with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", any_client), fails():
            self.test_another_is_challenged(lab, "app-1234")


def pages() -> list[Any]:
    """Each takes ten seconds: the first of the pages' blocks, and all of them in `make lab-long`."""
    first, second, *others = declared()
    return [first, second, *(pytest.param(one, marks=pytest.mark.long) for one in others)]


class TestProviders:
    """The lab's key signs for every provider, so that only the claims decide."""

    @pytest.fixture(scope="class", autouse=True, params=pages(), ids=str)
    def page(self, lab: RunningLab, request: pytest.FixtureRequest) -> Iterator[Declared]:
        page: Declared = request.param
        keys = {"jwks": json.dumps(lab.keys.jwks()), "jwks_uri": None}
        issuers = tuple(issuer.model_copy(update=keys) for issuer in page.auth.issuers)
        with lab.declaring_app(auth=page.auth.model_copy(update={"issuers": issuers})):
            yield page

    def test_its_tokens_pass_and_no_others_do(self, lab: RunningLab, page: Declared) -> None:
        answered = {shape.name: status(lab, **{"aud": None, **shape.claims}) for shape in page.shapes()}
        assert answered == {shape.name: shape.status for shape in page.shapes()}

    def test_an_opaque_token_is_challenged(self, lab: RunningLab, page: Declared) -> None:
        assert send(lab.call(token="ya29.a0AfB_opaque")).status == 401, page
