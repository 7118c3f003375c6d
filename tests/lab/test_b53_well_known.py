"""B53: pages with an agreed name are answered at the edge, to everybody who reads, and the app sees none of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.specs.well_known import SecurityTextSpec, WellKnownSpec
from lab.workloads.request import Reply, send
from tests.lab.mcp_sessions import INITIALIZE
from tests.lab.running_lab import fails, marked, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

CHALLENGE = "abc_DEF-123"
SPELLINGS = ("/mcp", "/mcp/")


@pytest.fixture(scope="module", autouse=True)
def declared(lab: RunningLab) -> Iterator[None]:
    pages = WellKnownSpec(
        openai_apps_challenge=CHALLENGE,
        authorization_server=True,
        robots="disallow",
        security=SecurityTextSpec(
            contact=("mailto:security@example.com",), expires=datetime.now(UTC).date() + timedelta(days=90)
        ),
    )
    with lab.declaring_app(well_known=pages):
        yield


def ask(lab: RunningLab, path: str, method: str = "GET") -> Reply:
    test_id = new_id("well-known")
    reply = send(marked(lab.public.request(f"https://{lab.host}{path}", method=method), test_id))
    assert not lab.seen(test_id)
    return reply


def check_challenge(lab: RunningLab) -> None:
    reply = ask(lab, "/.well-known/openai-apps-challenge")
    assert (reply.status, reply.body) == (200, CHALLENGE), str(reply)
    assert reply.header("content-type").startswith("text/plain")


def test_the_challenge_of_an_app_submission_is_answered_with_its_token(lab: RunningLab) -> None:
    check_challenge(lab)


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
def test_the_metadata_of_the_authorization_server_is_at_the_issuer(lab: RunningLab, path: str) -> None:
    first = lab.auth.issuers[0]
    for form in (path, f"{path}/mcp"):
        reply = ask(lab, form)
        assert reply.status == 302, str(reply)
        assert reply.header("location") == f"{first.authorization_server or first.issuer}{path}"


def test_texts_for_crawlers_and_for_people_who_found_a_hole(lab: RunningLab) -> None:
    assert ask(lab, "/robots.txt").body == "User-agent: *\nDisallow: /\n"
    for path in ("/.well-known/security.txt", "/security.txt"):
        assert ask(lab, path).body.startswith("Contact: mailto:security@example.com\nExpires: ")


def test_nothing_but_reading_is_answered(lab: RunningLab) -> None:
    assert ask(lab, "/robots.txt", "HEAD").status == 200
    assert ask(lab, "/robots.txt", "POST").status == 405


def at(lab: RunningLab, path: str, method: str, token: str | None = None, session: str = "") -> Reply:
    params = INITIALIZE if method == "initialize" else {}
    headers = {"mcp-session-id": session} if session else {}
    return send(lab.call(method, params, token=token, headers=headers, url=f"https://{lab.host}{path}"))


def check_both_spellings(lab: RunningLab) -> None:
    challenges = [at(lab, path, "initialize", token="") for path in SPELLINGS]
    assert [reply.status for reply in challenges] == [401, 401]
    assert challenges[0].header("www-authenticate") == challenges[1].header("www-authenticate")
    token = lab.token()
    begun = [at(lab, path, "initialize", token) for path in SPELLINGS]
    assert [reply.status for reply in begun] == [200, 200], list(map(str, begun))
    for session in (reply.header("mcp-session-id") for reply in begun):
        assert session
        assert [at(lab, path, "ping", token, session).status for path in SPELLINGS] == [200, 200]


def test_the_endpoint_is_one_with_and_without_a_slash_where_it_is_declared(lab: RunningLab) -> None:
    mcp = lab.stack.apps["chatgpt-mcp"].mcp
    assert mcp is not None
    with fails():
        check_both_spellings(lab)
    with lab.declaring_app(mcp=mcp.model_copy(update={"trailing_slash": "same"})):
        check_both_spellings(lab)
        for path in SPELLINGS:
            metadata = ask(lab, f"/.well-known/oauth-protected-resource{path}")
            assert metadata.json()["resource"] == lab.mcp_url


def test_it_is_the_declared_route_that_answers(lab: RunningLab) -> None:
    def without_it(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [route for route in http if "openai-apps-challenge" not in route["name"]]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", without_it), fails():
        check_challenge(lab)
