"""Requests drawn at random from what the objects of a mesh say, for an answer that owes nothing to `compare`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from meshlint.reachability.answer import answer
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Outcome, Request, Token
from meshlint.view.mesh import MeshView
from tests.unit.meshlint.mutation.mistakes import Objects, named, of_kind, walk

METHODS = ("GET", "POST", "DELETE", "PUT", "OPTIONS", "get", "post")
KINDS = ("Gateway", "VirtualService", "ServiceEntry", "AuthorizationPolicy", "RequestAuthentication", "Sidecar")


class Vocabulary:
    """Everything that the objects of a mesh, and of the same mesh with a mistake, name."""

    def __init__(self, *versions: Objects) -> None:
        self._versions = versions

    def _scalars(self, *steps: str) -> list[str]:
        found: list[str] = []
        for objects in self._versions:
            for _, obj in of_kind(objects, *KINDS):
                for path, value in walk(obj.get("spec", {}), ("spec",)):
                    if isinstance(value, str) and named(path, *steps):
                        found.append(value)
        return list(dict.fromkeys(found))

    @cached_property
    def hosts(self) -> list[str]:
        found = self._scalars("servers", "hosts") + self._scalars("spec", "hosts")
        return [host.rpartition("/")[2].replace("*", "some", 1) for host in found]

    @cached_property
    def services(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for objects in self._versions:
            for obj in objects:
                if obj.get("kind") == "Service" and obj.get("apiVersion") == "v1":
                    name = f"{obj['metadata']['name']}.{obj['metadata'].get('namespace', 'default')}.svc.cluster.local"
                    found += [(name, port["port"]) for port in obj.get("spec", {}).get("ports", ())]
            for _, obj in of_kind(objects, "ServiceEntry"):
                for host in obj["spec"].get("hosts", ()):
                    found += [(host.replace("*", "some", 1), port["number"]) for port in obj["spec"].get("ports", ())]
        return list(dict.fromkeys(found))

    @cached_property
    def paths(self) -> list[str]:
        written = self._scalars("exact") + self._scalars("prefix") + self._scalars("paths")
        bare = {path.rstrip("*") for path in written if path.startswith("/")}
        return sorted(
            bare | {f"{path.rstrip('/')}/x" for path in bare} | {f"{path}/" for path in bare} | {"/", "/other"}
        )

    @cached_property
    def callers(self) -> list[str]:
        names = [name.split("/") for name in self._scalars("principals") + self._scalars("notPrincipals")]
        found = {f"{parts[2]}/{parts[4]}" for parts in names if len(parts) == 5}
        for objects in self._versions:
            for obj in objects:
                if obj.get("kind") == "ServiceAccount":
                    found.add(f"{obj['metadata'].get('namespace', 'default')}/{obj['metadata']['name']}")
        return [*sorted(found), "default/somebody", PLAINTEXT]

    @cached_property
    def matches(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for objects in self._versions:
            for _, obj in of_kind(objects, "VirtualService"):
                for route in obj["spec"].get("http") or ():
                    found += route.get("match") or ()
        return found

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"origin": ["https://evil.example.net"]}
        for match in self.matches:
            for name, wanted in {**match.get("headers", {}), **match.get("withoutHeaders", {})}.items():
                if not name.startswith("@"):
                    found.setdefault(name.lower(), ["other"]).append(_value(wanted))
        found["origin"] += self._scalars("allowOrigins", "exact") + [
            value for value in self._scalars("values") + self._scalars("notValues") if value.startswith("http")
        ]
        return found

    @cached_property
    def claims(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"sub": ["somebody"], "aud": ["https://other.example.net"], "iss": []}
        found["iss"] += self._scalars("jwtRules", "issuer")
        found["aud"] += self._scalars("jwtRules", "audiences")
        for match in self.matches:
            for name, wanted in {**match.get("headers", {}), **match.get("withoutHeaders", {})}.items():
                if name.startswith("@request.auth.claims["):
                    found.setdefault(name[len("@request.auth.claims[") : -1], []).append(_value(wanted))
        found["sub"] += [value for value in self._scalars("values") if "/" not in value]
        return found


def _value(match: dict[str, Any]) -> str:
    return str(match.get("exact") or match.get("prefix") or "somebody")


def drawn(vocabulary: Vocabulary, chosen: random.Random) -> Request:
    """One request: half of them from outside, half of these as some route of the mesh wants it."""
    if vocabulary.services and (not vocabulary.hosts or chosen.random() < 0.5):
        host, port = chosen.choice(vocabulary.services)
        path, method = chosen.choice(vocabulary.paths), chosen.choice(METHODS)
        return Request(chosen.choice(vocabulary.callers), host, path, method, port)
    path, method = chosen.choice(vocabulary.paths), chosen.choice(METHODS)
    headers = {
        name: chosen.choice(values) for name, values in vocabulary.headers.items() if chosen.random() < 0.25 and values
    }
    claims: dict[str, object] = {
        name: chosen.choice(values)
        for name, values in vocabulary.claims.items()
        if values and (name in ("iss", "aud", "sub") or chosen.random() < 0.6)
    }
    if vocabulary.matches and chosen.random() < 0.6:
        match = chosen.choice(vocabulary.matches)
        path = _value(match.get("uri", {"exact": path}))
        path = path if path.startswith("/") else "/"
        for name, wanted in match.get("headers", {}).items():
            if name.startswith("@request.auth.claims["):
                claims[name[len("@request.auth.claims[") : -1]] = _value(wanted)
            else:
                headers[name.lower()] = _value(wanted)
    token = Token(claims) if chosen.random() < 0.85 else None
    port = chosen.choice((443, 443, 443, 80))
    return Request(
        INTERNET, chosen.choice(vocabulary.hosts or ["x"]), path, method, port, token, headers,
        client_certificate=chosen.random() < 0.9,
    )  # fmt: skip


def told_apart(old: MeshView, new: MeshView, vocabulary: Vocabulary, count: int) -> Request | None:
    """A request that the two versions answer differently, of so many drawn (seed 0); None if there is none."""
    return next(_told_apart(old, new, vocabulary, count), None)


def _arrives(found: Answer) -> bool:
    return found.outcome is Outcome.ALLOWED


def _told_apart(old: MeshView, new: MeshView, vocabulary: Vocabulary, count: int) -> Iterator[Request]:
    chosen = random.Random(0)  # noqa: S311 - the same requests each time, not secrets
    for _ in range(count):
        request = drawn(vocabulary, chosen)
        before, now = answer(old, request), answer(new, request)
        kept = (before.outcome, before.status, before.destination)
        if kept != (now.outcome, now.status, now.destination) or (
            now.destination and before.shares != now.shares and _arrives(now)
        ):
            yield request
