"""Asks each issuer for its keys before an `up` changes anything.

istiod fetches them while it pushes a listener, issuer by issuer and proxy by proxy, so one that does not answer delays
every change of a rule at that gateway. The program asks from where it runs, which may see more or less than istiod.
https://istio.io/latest/docs/reference/config/security/jwt/
"""

from __future__ import annotations

import http.client
import itertools
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.mesh.specs.key_set import key_set_refusal
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.build import Mesh

SECONDS = 5.0
_AT_ONCE = 8
_LARGEST = 1024 * 1024


def before_up(mesh: Mesh) -> list[Problem]:
    """What an `up` has to say of it; a preview needs no network."""
    if pulumi.runtime.is_dry_run() or mesh.spec.security.unanswered_key_sets == "ignore":
        return []
    return unanswered(mesh)


def unanswered(mesh: Mesh, *, seconds: float = SECONDS) -> list[Problem]:
    """The issuers of a mesh whose `jwks_uri` gives no key set within so many seconds, each at its first place."""
    declared = dict(reversed(list(_declared(mesh))))
    with ThreadPoolExecutor(_AT_ONCE) as asking:
        refusals = list(asking.map(_refusal, declared, itertools.repeat(seconds)))
        found = [
            (path, uri, refusal) for (uri, path), refusal in zip(declared.items(), refusals, strict=True) if refusal
        ]
    return [
        Problem(
            path,
            f"{refusal}. While it is so, istiod asks for it with every push, which delays each change of a rule at its "
            "gateways by seconds, and at a proxy that starts its tokens are refused. Mend it, put the keys into jwks, "
            "or say in security.unanswered_key_sets what is to be done",
            uri,
        )
        for path, uri, refusal in reversed(found)
    ]


def _declared(mesh: Mesh) -> Iterator[tuple[str, str]]:
    for app in mesh.spec.apps.values():
        for index, issuer in enumerate(app.auth.issuers if app.auth is not None else ()):
            if issuer.jwks_uri is not None:
                yield issuer.jwks_uri, f"{app.declared_at}.auth.issuers.{index}.jwks_uri"


def _refusal(uri: str, seconds: float) -> str | None:
    try:
        with urllib.request.urlopen(uri, timeout=seconds) as answer:  # noqa: S310 - https, by its type
            text = answer.read(_LARGEST).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return f"answers {error.code} instead of a key set"
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer ({getattr(error, 'reason', None) or error or type(error).__name__})"
    return "answers something that is no key set of use" if key_set_refusal(text) else None
