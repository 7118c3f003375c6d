"""The real oauth2-proxy with the arguments that a declaration renders: who is let in to Grafana, and who is not.

No cluster is needed; seconds, once oauth2-proxy is built.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chatgpt_mesh.components.login import COOKIE, arguments
from chatgpt_mesh.components.specs.login import LoginSpec
from lab.screen import Screen
from lab.toolchain import LOGIN_FAMILIES, Toolchain
from tests.lab.identity_provider import Provider, providing, upstream
from tests.lab.rollout_controllers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANNA: dict[str, Any] = {"sub": "1", "email": "anna@example.com", "email_verified": True, "groups": ["platform"]}
BROWSER, SCRIPT = {"accept": "text/html"}, {"accept": "application/json"}
PAGE = "/grafana/d/mesh"


@dataclass(slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        return self.headers["location"] or ""


@dataclass(slots=True)
class Login:
    """A running oauth2-proxy, and a browser before it."""

    spec: LoginSpec
    provider: Provider
    trusted: Path
    reached: list[dict[str, str]]
    """Headers of every request that the upstream got."""
    jar: dict[str, str] = field(default_factory=dict[str, str])

    def get(self, path: str, headers: dict[str, str] = BROWSER) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        found = asked(f"{self.spec.url}{path}", {**headers, **({"cookie": cookies} if cookies else {})})
        for line in found.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            if value:
                self.jar[name] = value
            else:
                self.jar.pop(name, None)
        return found

    def signs_in(self) -> Answer:
        """By the provider and back, as far as the proxy lets it; the answer at the way back."""
        there = asked(self.get(PAGE).location, BROWSER, self.trusted)
        back = urlsplit(there.location)
        return self.get(f"{back.path}?{back.query}")


def asked(url: str, headers: dict[str, str], trusted: Path | None = None) -> Answer:
    place = urlsplit(url)
    if place.scheme == "https":
        context = ssl.create_default_context(cafile=str(trusted))
        connection = http.client.HTTPSConnection(place.hostname or "", place.port, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
    with contextlib.closing(connection):
        target = place._replace(scheme="", netloc="").geturl()
        connection.request("GET", target, headers={"host": place.netloc, **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())


@contextlib.contextmanager
def login(directory: Path, person: dict[str, Any], **settings: Any) -> Iterator[Login]:
    toolchain = Toolchain()
    toolchain.ensure(LOGIN_FAMILIES, Screen())
    provider = Provider(person, client_secret=secrets.token_urlsafe(16))
    with contextlib.ExitStack() as stack:
        trusted = stack.enter_context(providing(provider, directory))
        behind, reached = stack.enter_context(upstream())
        port = free_port()
        declared = {"issuer": provider.issuer, "client_id": "mesh", "port": port, "url": f"http://localhost:{port}"}
        spec = LoginSpec.model_validate({**declared, **settings})
        environment = {
            **os.environ,
            "OAUTH2_PROXY_CLIENT_SECRET": provider.client_secret,
            "OAUTH2_PROXY_COOKIE_SECRET": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "SSL_CERT_FILE": str(trusted),
        }
        command = [str(toolchain.path("oauth2-proxy")), *arguments(spec, [f"{behind}/grafana/"])]
        log = stack.enter_context((directory / "oauth2-proxy.log").open("wb"))
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        found = Login(spec, provider, trusted, reached)
        answers(found, process, directory / "oauth2-proxy.log")
        yield found


def answers(found: Login, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            if asked(f"{found.spec.url}/ready", {}).status == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"oauth2-proxy does not answer:\n{log.read_text()}")


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[Login]:
    """Of the right domain and the right group."""
    with login(tmp_path, ANNA, email_domains=["example.com"], groups=["platform"]) as found:
        yield found


def test_a_browser_is_sent_to_the_issuer_with_pkce_and_the_registered_way_back(anna: Login) -> None:
    answer = anna.get(PAGE)
    assert answer.status == 302
    assert answer.location.startswith(f"{anna.provider.issuer}/authorize?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["nonce"]
    assert query["response_type"] == "code"
    assert query["client_id"] == "mesh"
    assert query["redirect_uri"] == f"{anna.spec.url}/oauth2/callback"
    assert anna.reached == []


@pytest.mark.parametrize("path", [PAGE, "/grafana/api/search", "/grafana/public/x.js", "/"])
def test_a_script_without_a_login_gets_401(anna: Login, path: str) -> None:
    assert anna.get(path, SCRIPT).status == 401
    assert anna.reached == []


def test_who_is_of_the_domain_and_the_group_gets_through_and_the_upstream_is_told_who_it_is(anna: Login) -> None:
    back = anna.signs_in()
    assert (back.status, back.location) == (302, PAGE)
    answer = anna.get(PAGE, {**BROWSER, "x-forwarded-email": "root@example.com", "x-forwarded-groups": "admins"})
    assert (answer.status, json.loads(answer.body)) == (200, {"path": PAGE})
    (told,) = anna.reached
    assert told["x-forwarded-email"] == "anna@example.com"
    assert told["x-forwarded-groups"] == "platform"
    assert not {"authorization", "x-forwarded-access-token"} & {*told}


def test_cookies_are_for_this_host_over_https_and_for_no_script(anna: Login) -> None:
    both = (anna.get(PAGE), anna.signs_in())
    lines = [line for answer in both for line in answer.headers.get_all("set-cookie") or []]
    assert COOKIE in anna.jar
    assert any(line.startswith(f"{COOKIE}_") for line in lines)
    for line in lines:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert line.startswith("__Host-")
        assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes, line
        assert not any(part.startswith("domain=") for part in attributes)


@pytest.mark.parametrize(
    "other",
    [
        {"email": "anna@example.org"},
        {"email": "anna@example.com.evil.example"},
        {"groups": ["sales"]},
        {"groups": []},
    ],
    ids=["domain", "domain behind the domain", "group", "no group"],
)
def test_somebody_else_is_refused_after_the_login(tmp_path: Path, other: dict[str, Any]) -> None:
    with login(tmp_path, {**ANNA, **other}, email_domains=["example.com"], groups=["platform"]) as found:
        assert found.signs_in().status == 403
        assert found.get(PAGE, SCRIPT).status == 401
        assert found.reached == []


def test_an_address_that_the_provider_has_not_verified_lets_nobody_in(tmp_path: Path) -> None:
    with login(tmp_path, {**ANNA, "email_verified": False}, email_domains=["example.com"]) as found:
        assert found.signs_in().status >= 400
        assert found.get(PAGE, SCRIPT).status == 401
        assert found.reached == []


def test_groups_alone_decide_where_no_domain_is_named(tmp_path: Path) -> None:
    with login(tmp_path, {**ANNA, "email": "anna@partner.example"}, groups=["platform"]) as found:
        assert found.signs_in().status == 302
        assert found.get(PAGE).status == 200


def test_a_cookie_that_the_proxy_has_not_made_is_refused(anna: Login) -> None:
    anna.signs_in()
    made = anna.jar[COOKIE]
    value, stamp, signature = made.split("|")
    turned = ("B" if value[20] == "A" else "A").join((value[:20], value[21:]))
    for forged in ("anna@example.com", f"{turned}|{stamp}|{signature}", f"{value}|{int(stamp) + 3600}|{signature}"):
        anna.jar[COOKIE] = forged
        assert anna.get(PAGE, SCRIPT).status == 401, forged
        anna.jar.pop(COOKIE, None)
    anna.jar[COOKIE] = made
    assert anna.get(PAGE, SCRIPT).status == 200


def test_a_way_back_that_another_browser_began_lets_nobody_in(anna: Login) -> None:
    there = urlsplit(asked(anna.get(PAGE).location, BROWSER, anna.trusted).location)
    anna.jar.clear()
    assert anna.get(f"{there.path}?{there.query}").status == 403
    assert COOKIE not in anna.jar


def test_who_signs_out_is_nobody_again(anna: Login) -> None:
    anna.signs_in()
    assert anna.get(PAGE, SCRIPT).status == 200
    assert anna.get("/oauth2/sign_out").status == 302
    assert COOKIE not in anna.jar
    assert anna.get(PAGE, SCRIPT).status == 401


def test_a_login_sends_nobody_to_another_site(anna: Login) -> None:
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = anna.get(f"/oauth2/sign_out?rd={elsewhere}")
        assert "evil" not in answer.location


def test_the_log_has_neither_codes_nor_secrets(anna: Login, tmp_path: Path) -> None:
    there = urlsplit(asked(anna.get(PAGE).location, BROWSER, anna.trusted).location)
    anna.get(f"{there.path}?{there.query}")
    said = (tmp_path / "oauth2-proxy.log").read_text()
    assert "anna@example.com" in said
    assert parse_qs(there.query)["code"][0] not in said
    assert anna.provider.client_secret not in said
