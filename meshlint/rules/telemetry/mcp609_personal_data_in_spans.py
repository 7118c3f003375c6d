"""Identities or secrets copied from headers into spans and logs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView
    from meshlint.view.mesh_config import MeshConfig


@rule(
    "MCP609",
    WARNING,
    "Identities or secrets copied from headers into spans and logs",
    symptoms=("personal data in logs", "tokens in access logs"),
    why="""
A span tag or log field from a client's header holds whatever the client writes: it identifies people in a system that
many may read, and it proves nothing. Tokens and cookies never belong there. Take an id from a verified claim if one
is needed.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 1
    customTags: {user: {header: {name: x-user-id}}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 1
    customTags: {model: {header: {name: x-model}}}
""",
    sources=("https://opentelemetry.io/docs/security/handling-sensitive-data/",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("Telemetry"):
        for position, tracing in enumerate(elements(obj.spec, "tracing")):
            for tag in mapping(tracing, "customTags"):
                header = text(tracing, "customTags", tag, "header", "name").lower()
                where = ("spec", "tracing", position, "customTags", tag, "header", "name")
                yield from _judge(obj, where, header)
    for config in mesh.mesh_configs:
        yield from _formats(config)


SECRET = re.compile(r"authorization|cookie|token|secret|password|api-?key|jwt|credential", re.IGNORECASE)
PERSONAL = re.compile(r"user-?id|\buser\b|session|e-?mail|account|phone|x-user", re.IGNORECASE)
FORMAT_FIELD = re.compile(r"%(?:REQ|REQ_WITHOUT_QUERY|RESP)\(([^)%]*)\)")


def _judge(obj: Manifest, where: Path, header: str) -> Hits:
    if header == "user-agent":
        return
    if SECRET.search(header):
        yield Hit(obj, where, f"is {header}, a secret, which is then stored for many to read", "remove it", ERROR)
    elif PERSONAL.search(header):
        problem = f"is {header}, which identifies people by what their client writes"
        yield Hit(obj, where, problem, "remove it, or take a pseudonym from a verified claim")


def _formats(config: MeshConfig) -> Hits:
    formats: list[tuple[Path, str]] = [((*config.path, "accessLogFormat"), text(config.values, "accessLogFormat"))]
    for position, provider in enumerate(elements(config.values, "extensionProviders")):
        where = (*config.path, "extensionProviders", position, "envoyFileAccessLog", "logFormat")
        formats.append(((*where, "text"), text(provider, "envoyFileAccessLog", "logFormat", "text")))
        labels = mapping(provider, "envoyFileAccessLog", "logFormat", "labels")
        formats += [((*where, "labels", name), str(written)) for name, written in labels.items()]
    for path, written in formats:
        for found in FORMAT_FIELD.finditer(written):
            yield from _judge(config.obj, path, found[1].lower())
