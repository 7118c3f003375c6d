"""Tokens that are none of the issuer's, are over, are elsewhere, or are for somebody else."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from lab.workloads.tokens import KEY_ID
from tests.lab.bypass.attempt import BANNED, EXECUTE, HOST, ISSUER, ORIGIN, RESOURCE, USE, Attempt, Forge, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _claims(name: str, **changes: Any) -> Attempt:
    return Attempt(name, token=lambda forge: forge.good(**changes))


def _each(claim: str, values: tuple[object, ...]) -> tuple[Attempt, ...]:
    return tuple(_claims(f"{claim}: {json.dumps(value)}", **{claim: value}) for value in values)


QUERIES = ("access_token", "token", "jwt", "id_token", "bearer_token", "authorization", "Authorization", "auth")
HEADERS = (
    *("x-access-token", "x-authorization", "x-auth-token", "proxy-authorization", "x-forwarded-authorization", "x-jwt"),
    *("authentication", "x-api-key", "x-goog-iap-jwt-assertion", "x-amzn-oidc-data", "x-id-token", "token", "x-token"),
    *("x-forwarded-access-token", "x-original-authorization", "x-jwt-assertion", "grpc-metadata-authorization", "jwt"),
)
SCHEMES = (
    *("{}", "Basic {}", "Token {}", "JWT {}", "Digest {}", "Negotiate {}", "DPoP {}", "Bearer:{}", "Bearer={}"),
    *(
        "Bearer,{}",
        "Bearer{}",
        "Bearer",
        "Bearer ",
        "Bearer x {}",
        "Bearer {}x",
        "Basic, Bearer{}",
        "MAC {}",
        "Bearer '{}'",
    ),
    *("Bearer <{}>", "Bearer token={}", "OAuth {}", "ApiKey {}"),
)


def elsewhere() -> Iterator[Attempt]:
    """A good token where MCP does not look for one; the attempts carry it under their names as `TOKEN`."""
    for query in QUERIES:
        yield Attempt(f"?{query}", target=f"/mcp?{query}=TOKEN", token=None)
    yield Attempt(
        "?access_token beside Basic",
        target="/mcp?access_token=TOKEN",
        headers=(("authorization", "Basic eDp5"),),
        token=None,
    )
    yield Attempt("?access_token=Bearer", target="/mcp?access_token=Bearer%20TOKEN", token=None)
    for header in HEADERS:
        yield Attempt(header, headers=((header, "Bearer TOKEN"),), token=None)
    for cookie in ("access_token", "authorization", "token", "jwt", "session"):
        yield Attempt(f"cookie {cookie}", headers=(("cookie", f"{cookie}=TOKEN"),), token=None)
    for scheme in SCHEMES:
        yield Attempt(f"authorization: {scheme}", headers=(("authorization", scheme.format("TOKEN")),), token=None)
    yield Attempt("in the body", body=text(access_token="TOKEN").encode(), token=None)
    yield Attempt("nowhere", token=None)


def _encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parts(forge: Forge, header: object, signature: str = "", **changes: Any) -> str:
    return f"{_encoded(header)}.{_encoded(forge.claims(**changes))}.{signature}"


def _public(forge: Forge) -> bytes:
    key = serialization.load_pem_private_key(forge.keys.private, password=None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_set(forge: Forge) -> bytes:
    return json.dumps(forge.keys.jwks()).encode()


def _hmac(forge: Forge, algorithm: str, key: bytes) -> str:
    head = f"{_encoded({'alg': algorithm, 'typ': 'JWT', 'kid': KEY_ID})}.{_encoded(forge.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{head}.{_encoded(hmac.new(key, head.encode(), digest).digest())}"


@functools.cache
def _other_keys() -> tuple[ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey]:
    return ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


def _foreign(header: dict[str, Any]) -> Callable[[Forge], str]:
    return lambda forge: forge.forged(header, forge.keys.foreign, "RS256")


def _spoilt(forge: Forge, pattern: str) -> str:
    """A good token with its three parts in another pattern."""
    head, payload, signature = forge.good().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    none, mac = (_encoded({"alg": algorithm, "kid": KEY_ID}) for algorithm in ("none", "HS256"))
    other, zeros = _encoded({**claims, "sub": "admin"}), "A" * len(signature)
    return pattern.format(h=head, p=payload, s=signature, z=zeros, other=other, none=none, mac=mac)


def signatures() -> Iterator[Attempt]:
    for algorithm in ("none", "None", "NONE", "nOnE", "", "null", "RS256", "rs256", "HS256", "none "):
        yield Attempt(
            f"alg {algorithm!r}, no signature", token=functools.partial(_parts, header={"alg": algorithm, "typ": "JWT"})
        )
    for algorithm in ("HS256", "HS384", "HS512"):
        yield Attempt(f"{algorithm} by the public key", token=lambda f, a=algorithm: _hmac(f, a, _public(f)))
        yield Attempt(f"{algorithm} by the key set", token=lambda f, a=algorithm: _hmac(f, a, _key_set(f)))
        yield Attempt(f"{algorithm} by nothing", token=lambda f, a=algorithm: _hmac(f, a, b""))
    for header in (
        *({}, {"kid": "lab"}, {"kid": "other"}, {"kid": ""}, {"kid": "../../../dev/null"}, {"kid": "' or 1=1 --"}),
        *({"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/x.pem"}, {"x5c": ["MIIB"]}),
        *({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, {"crit": ["exp"]}, {"typ": "at+jwt"}, {"cty": "JWT"}),
        *({"kid": "|/usr/bin/true"}, {"iss": ISSUER}, {"zip": "DEF"}),
    ):
        yield Attempt(f"foreign key, {json.dumps(header)}", token=_foreign(header))
    yield Attempt("foreign key, PS256", token=lambda f: f.forged({}, f.keys.foreign, "PS256"))
    yield Attempt("foreign key, RS512", token=lambda f: f.forged({}, f.keys.foreign, "RS512"))
    yield Attempt("foreign key, ES256", token=lambda f: f.forged({}, _other_keys()[0], "ES256"))
    yield Attempt("foreign key, EdDSA", token=lambda f: f.forged({}, _other_keys()[1], "EdDSA"))
    for name, pattern in (
        ("signature taken away", "{h}.{p}."),
        ("two parts", "{h}.{p}"),
        ("one part", "{h}"),
        ("four parts", "{h}.{p}.{s}.{s}"),
        ("five parts", "{h}.{p}.{s}.{p}.{s}"),
        ("signature cut short", "{h}.{p}.{s:.300}"),
        ("signature of zeros", "{h}.{p}.{z}"),
        ("signature twice", "{h}.{p}.{s}{s}"),
        ("payload of another subject", "{h}.{other}.{s}"),
        ("header of alg none", "{none}.{p}.{s}"),
        ("header of HS256", "{mac}.{p}.{s}"),
        ("parts turned round", "{p}.{h}.{s}"),
        ("blanks between", "{h} . {p} . {s}"),
    ):
        yield Attempt(name, token=functools.partial(_spoilt, pattern=pattern))
    yield Attempt("no token at all", token=lambda _: "x.y.z")
    yield Attempt("opaque", token=lambda _: "ya29.a0AfB_opaque")


def times() -> Iterator[Attempt]:
    for seconds in (-120, -600, -3600, -86400, -31_536_000):
        yield Attempt(f"exp {seconds} s", token=lambda f, s=seconds: f.good(exp=f.now + s))
        yield Attempt(f"nbf {-seconds} s", token=lambda f, s=seconds: f.good(nbf=f.now - s))
    yield from _each("exp", (1, 1_000_000_000, "4102444800", "never", True, [4102444800], {"at": 4102444800}, ""))
    yield from _each("nbf", (4102444800, "4102444800", [0]))
    yield Attempt("milliseconds as nbf", token=lambda f: f.good(nbf=f.now * 1000))
    yield Attempt("over, and issued just now", token=lambda f: f.good(exp=f.now - 300, iat=f.now))


def without_end() -> Iterator[Attempt]:
    """`exp` under another name or none, or one that is no end, which is valid for ever."""
    yield _claims("no exp", exp=None)
    yield _claims("exp 0", exp=0)
    yield _claims("exp 0.5", exp=0.5)
    for header in ("x-mcp-exp", "X-Mcp-Exp", "X-MCP-EXP"):
        for value in ("4102444800", "1", "9 "):
            yield Attempt(
                f"no exp, and {header}: {value}", headers=((header, value),), token=lambda f: f.good(exp=None)
            )
    for name in (
        "expires",
        "expiry",
        "EXP",
        "Exp",
        "expires_in",
        "expires_at",
        "exp ",
        "valid_until",
        "auth_time",
        "ext_exp",
    ):
        yield Attempt(f"{name} for exp", token=lambda f, n=name: f.good(exp=None, **{n: f.now + 3600}))


AUDIENCES: tuple[object, ...] = (
    *(f"{RESOURCE}/", f"{RESOURCE}//", f"http://{HOST}/mcp", f"{HOST}/mcp", f"//{HOST}/mcp", f"HTTPS://{HOST}/mcp"),
    *(f"https://{HOST.upper()}/mcp", f"https://{HOST}/MCP", f"https://{HOST}:443/mcp", f"https://{HOST}:8443/mcp"),
    *(f"https://{HOST}./mcp", f"https://{HOST}", f"https://{HOST}/", f"{RESOURCE}2", f"{RESOURCE}/x", f"{RESOURCE}?"),
    *(f"{RESOURCE}#", f"{RESOURCE};x", f"https://{HOST}/%6dcp", f"https://x@{HOST}/mcp", f"https://{HOST}//mcp"),
    *(
        "https://other.example.com/mcp",
        "*",
        "https://*.example.com/mcp",
        "",
        [],
        [""],
        ["https://other.example.com/mcp"],
    ),
    *(["a", "b"], [f"{RESOURCE}/"], [[RESOURCE]], [{"aud": RESOURCE}], {"aud": RESOURCE}, 7, True),
    *(f"https://other.example.com/mcp {RESOURCE}", f"{RESOURCE} x", f"{RESOURCE},x", f" {RESOURCE}", f"{RESOURCE} "),
    *(f"{RESOURCE}\u200b", f"{RESOURCE}\x00", f"{RESOURCE}\n", RESOURCE.replace("c", "\u0441"), "account", "mcp"),
)


def audiences() -> Iterator[Attempt]:
    yield from _each("aud", AUDIENCES)
    yield _claims("no aud", aud=None)
    for name in ("resource", "audience", "client_id", "azp", "AUD", "cid", "appid"):
        yield _claims(f"{name} for aud", aud=None, **{name: RESOURCE})


def issuers() -> Iterator[Attempt]:
    yield from _each(
        "iss",
        (
            *(f"{ISSUER}/", ISSUER.replace("https", "http"), ISSUER.upper(), "auth.example.com", f"{ISSUER}:443"),
            *(f"{ISSUER}.", f"{ISSUER}.evil.example", f"{ISSUER}/realms/x", f"{ISSUER}?", f"{ISSUER}#", f" {ISSUER}"),
            *(
                f"{ISSUER} ",
                f"{ISSUER}\x00",
                "https://evil.example",
                "https://evil-auth.example.com",
                "",
                "*",
                [ISSUER],
            ),
            *({"iss": ISSUER}, 7, True, "https://auth.example.co", "https://x@auth.example.com", "//auth.example.com"),
            ISSUER.replace("a", "\u0430"),
        ),
    )
    yield _claims("no iss", iss=None)
    yield _claims("issuer for iss", iss=None, issuer=ISSUER)


def subjects() -> Iterator[Attempt]:
    yield from _each("sub", ("", 7, 0, True, False, ["somebody"], [], {"sub": "somebody"}, [["somebody"]], 1.5, {}))
    yield _claims("no sub", sub=None)
    for name in ("subject", "SUB", "user_id", "uid", "oid", "username", "email", "client_id", "preferred_username"):
        yield _claims(f"{name} for sub", sub=None, **{name: "somebody"})


def denied() -> Iterator[Attempt]:
    """A denied subject whose token is good in everything else."""

    def banned(name: str, **changes: Any) -> Attempt:
        return Attempt(name, **{"token": lambda forge: forge.good(sub=BANNED), **changes})

    yield banned("plain")
    for header in (
        *("x-mcp-sub", "x-user", "x-forwarded-user", "x-remote-user", "remote-user", "x-auth-request-user", "from"),
        *("x-forwarded-email", "x-authenticated-user", "x-subject", "x-original-user", "x-envoy-original-path"),
    ):
        yield banned(f"{header} of another", headers=((header, "somebody"),))
    for header, value in (
        *(("origin", ORIGIN), ("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "10.0.0.1"), ("via", "1.1 mesh")),
        *(("host", f"{HOST}:443"), ("host", HOST.upper()), ("host", f"{HOST}:8443"), ("x-canary-user", "true")),
        *(("x-envoy-internal", "true"), ("x-forwarded-client-cert", "By=x;URI=spiffe://cluster.local/ns/a/sa/b")),
        *(("x-envoy-decorator-operation", "x"), ("x-forwarded-proto", "http"), ("forwarded", "for=127.0.0.1;host=x")),
    ):
        yield banned(f"{header}: {value}", headers=((header, value),))
    yield banned("with a query", target="/mcp?x=1")
    yield banned("a listed call", body=text("whoami").encode())
    yield banned("a stream", method="GET", body=b"")
    yield banned("an end", method="DELETE", body=b"")
    for claim in ("preferred_username", "email", "act", "uid", "client_id", "username"):
        yield banned(f"{claim} of another", token=lambda f, c=claim: f.good(sub=BANNED, **{c: "somebody"}))
    yield banned("every scope", token=lambda f: f.good(sub=BANNED, scope=f"{USE} {EXECUTE} admin *"))
