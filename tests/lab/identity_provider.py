"""An OpenID provider in which one person is signed in, and what oauth2-proxy stands before. Both end with the test."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lab.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Provider:
    """A provider that signs in `person` at once, and keeps to RFC 7636: no token without the code's verifier."""

    person: dict[str, Any]
    """Claims of the ID token beside its own."""
    client_secret: str
    issuer: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent, with a code."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str], client_secret: str) -> dict[str, Any] | None:
        """The tokens of a code, once; None where the client or the verifier is another."""
        begun = self.codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if begun is None or begun["code_challenge"] != challenge or client_secret != self.client_secret:
            return None
        now = int(time.time())
        own = {"iss": self.issuer, "aud": begun["client_id"], "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        signed = jwt.encode({**self.person, **own}, self.key, algorithm="RS256", headers={"kid": "one"})
        return {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": signed}


@contextlib.contextmanager
def providing(provider: Provider, directory: Path) -> Iterator[Path]:
    """Serves the provider at an https address of this machine; the CA that signed its certificate."""
    authority = Authority(directory / "provider", "provider CA").ensure()
    certificate, key = authority.issue("provider", "localhost", names=["localhost"])

    class Handler(_Quiet):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(path.query).items()}
                self.answer(302, {}, location=provider.authorize(asked))
                return
            pages = {"/.well-known/openid-configuration": provider.metadata, "/keys": provider.keys}
            page = pages.get(path.path)
            self.answer(200 if page else 404, page() if page else {})

        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            asked = {name: values[0] for name, values in sent.items()}
            basic = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
            said = asked.get("client_secret") or basic.partition(":")[2]
            tokens = provider.token(asked, said)
            self.answer(200 if tokens else 400, tokens or {"error": "invalid_grant"})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.issuer = f"https://localhost:{server.server_port}"
    with _serving(server):
        yield authority.directory / "ca.crt"


@contextlib.contextmanager
def upstream() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers everything with 200; its origin, and the headers of what reached it, in lower case."""
    seen: list[dict[str, str]] = []

    class Handler(_Quiet):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.answer(200, {"path": self.path})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"http://127.0.0.1:{server.server_port}", seen


@contextlib.contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, body: dict[str, Any], location: str | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        if location is not None:
            self.send_header("location", location)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Nothing: a test says what failed."""
