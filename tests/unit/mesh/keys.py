"""JSON Web Keys, readable by Envoy and not (RFC 7517, appendix A.1; RFC 8037, appendix A.2)."""

from __future__ import annotations

P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RSA = {
    "kty": "RSA",
    "e": "AQAB",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
    "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
    "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
}

UNREADABLE: dict[str, list[dict[str, str]]] = {
    "none at all": [],
    "no exponent": [{"kty": "RSA", "n": RSA["n"]}],
    "padded": [{**RSA, "n": f"{RSA['n']}="}],
    "no base64": [{**RSA, "n": "!!"}],
    "another algorithm's": [{**RSA, "alg": "ES256"}],
    "half a point": [{"kty": "EC", "crv": "P-256", "x": P256["x"]}],
    "another curve's point": [{**P256, "crv": "P-521"}],
    "for key agreement": [{**ED25519, "crv": "X25519"}],
    "a kind that Envoy does not know": [{"kty": "AKP", "pub": "AQAB"}],
}
"""Sets of keys by what is wrong with them."""
