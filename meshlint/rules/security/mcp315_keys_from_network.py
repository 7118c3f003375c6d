"""Keys that istiod has to fetch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import text, value

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import JwtRule


@rule(
    "MCP315",
    WARNING,
    "Keys that istiod has to fetch",
    symptoms=("every token is answered with 401", "a policy edit takes a minute"),
    why="""
istiod fetches `jwksUri` while it builds the configuration of each proxy. An issuer that does not answer delays
*every* listener update of the selected pods (about 7 seconds per proxy, one after the other: a policy edit took 49 s
and 56 s to reach four pods), and istiod then pushes a key that fits no token. Inline `jwks`, or make sure that the
URI answers from istiod's network (`--ask-jwks-uris` asks it from here). Plain http, which anybody on the way can
replace, is an error.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwksUri: https://auth.example.com/jwks.json
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule",),
)
def check(mesh: MeshView) -> Hits:
    answers: dict[str, str] = {}
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            uri = text(jwt.raw, "jwksUri") or text(jwt.raw, "jwks_uri")
            where = (*jwt.path, "jwksUri")
            inline = text(jwt.raw, "jwks")
            if inline:
                yield from _inline(jwt, inline)
            elif uri.startswith("http://"):
                problem = f"is {uri}, without TLS: whoever is on the way can replace the keys"
                yield Hit(jwt.obj, where, problem, "use https", ERROR)
            elif mesh.environment.ask_jwks_uris and uri:
                if uri not in answers:
                    answers[uri] = ask(uri)
                if answers[uri]:
                    problem = f"is {uri}, which does not answer with keys ({answers[uri]})"
                    yield Hit(jwt.obj, where, problem, "correct it, or inline the keys as jwks", ERROR)
            else:
                said = (
                    f"is {uri}, which istiod fetches while it pushes"
                    if uri
                    else "and jwks are absent, so istiod asks the issuer"
                )
                # How most issuers are declared, and right while they answer: worth knowing, no fault.
                severity = INFO if uri else WARNING
                mend = "inline the keys as jwks, or see to it that the URI answers"
                yield Hit(jwt.obj, where, said, mend, INFO, severity)


def _inline(jwt: JwtRule, keys: str) -> Hits:
    try:
        parsed = json.loads(keys)
    except ValueError:
        parsed = None
    if not isinstance(value(parsed, "keys"), list):
        problem = "is not a JSON Web Key Set, so no token is accepted"
        yield Hit(jwt.obj, (*jwt.path, "jwks"), problem, 'write {"keys": [...]}', ERROR)


def ask(uri: str) -> str:
    """Why the URI gives no keys; empty if it does. Waits five seconds at most."""
    from urllib.error import URLError
    from urllib.request import urlopen

    if not uri.startswith("https://"):
        return "not an https address"
    try:
        with urlopen(uri, timeout=5) as answer:  # noqa: S310 - only https comes here
            found = json.loads(answer.read(1_000_000))
    except (URLError, OSError, ValueError) as error:
        return str(error)
    return "" if isinstance(value(found, "keys"), list) else "no keys in the answer"
