"""Two versions of one small stack, and what is said of the difference."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.review.changes.difference import between
from chatgpt_mesh.review.version import Version

TODAY = date(2026, 11, 24)

STACK = """
config:
  chatgpt-mesh:cluster: {kind: existing, context: test, kubeconfig: /nowhere}
  chatgpt-mesh:istio: {version: "RELEASE"}
  chatgpt-mesh:gateways:
    public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
    out: {kind: egress}
  chatgpt-mesh:egress:
    allow: [{host: api.openai.com, from: [weather]}]
  chatgpt-mesh:apps:
    weather:
      namespace: weather
      host: weather.example.com
      gateway: public
      service: {port: 8080}
      mcp: {}
      auth:
        issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example}]
        tools: {forecast: {scope: weather.read}}
      rate_limit: {requests: 600}
      versions: {v1: {}, v2: {}}
      rollout: {stable: v1, canary: {version: v2, percent: 5}}
      callers:
        - {app: frontend, paths: [/mcp]}
    frontend: {namespace: weather}
""".replace("RELEASE", RELEASE)


def version(directory: Path, name: str, text: str) -> Version:
    (directory / "Pulumi.yaml").write_text("name: test\n", encoding="utf-8")
    path = directory / f"Pulumi.{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return Version.read(name, path, TODAY)


def sentences(directory: Path, before: str, now: str) -> list[str]:
    """`before` and `now` are the texts of stack files."""
    changes = between(version(directory, "before", before), version(directory, "now", now))
    return [f"{one.topic}: {one.text}" for one in changes.sentences]


def edited(old: str, new: str, text: str = STACK) -> str:
    assert old in text, old
    return text.replace(old, new)
