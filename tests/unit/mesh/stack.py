"""Small stacks for tests: one app on one gateway, and what a test changes about it."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from chatgpt_mesh.components.implied import implied_objects
from chatgpt_mesh.components.specs.injection import Injection
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from meshlint.environment import Environment
from meshlint.reachability.answer import answer
from meshlint.reachability.request import INTERNET, Answer, Request, Token
from meshlint.view.mesh import MeshView

TODAY = date(2026, 11, 24)

GATEWAYS = """
public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
internal:
  kind: internal
  listeners: {https: {hosts: [inside.example.org], tls: {secret: inside, client_certificates: {}}}}
"""

# The smallest declaration that gets the hardened whole.
SMALL = """
namespace: chatgpt-production
host: chatgpt-mcp.example.com
gateway: public
service: {port: 8080}
mcp: {}
auth:
  issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example}]
"""


def merged(base: Any, change: Any) -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        return {
            key: merged(base.get(key), change.get(key, base.get(key)))
            for key in [*base, *(c for c in change if c not in base)]
        }
    return change


def declaration(app: str = "{}", others: str = "{}", **rest: Any) -> dict[str, Any]:
    """A stack with the small app `chatgpt-mcp`, changed by `app`, beside `others`."""
    return {
        "gateways": yaml.safe_load(rest.pop("gateways", GATEWAYS)),
        "apps": {"chatgpt-mcp": merged(yaml.safe_load(SMALL), yaml.safe_load(app)), **yaml.safe_load(others)},
        **rest,
    }


def mesh(app: str = "{}", others: str = "{}", **rest: Any) -> Mesh:
    return Mesh(MeshSpec.model_validate(declaration(app, others, **rest)), TODAY)


def mistakes(app: str = "{}", others: str = "{}", **rest: Any) -> list[str]:
    spec = MeshSpec.model_validate(declaration(app, others, **rest))
    return [str(problem) for problem in problems(spec, TODAY)]


def manifest(built: Mesh, key: str) -> dict[str, Any]:
    """The spec of an object as Istio takes it."""
    found = [owned.resource.to_dict() for owned in built.objects if owned.resource.key == key]
    assert len(found) == 1, f"{key} is not among: {', '.join(o.resource.key for o in built.objects)}"
    return found[0]["spec"]


def predicted(
    built: Mesh, path: str, method: str = "POST", token: Token | None = None, call: str = "ping", **headers: str
) -> Answer:
    """What the checker says that a client outside is answered by the host of the small app."""
    objects = [*(owned.resource.to_dict() for owned in built.objects), *implied_objects(built, Injection())]
    view = MeshView(objects, environment=Environment(), today=TODAY)
    asked = Request(INTERNET, "chatgpt-mcp.example.com", path, method, token=token, call=call, headers=headers)
    return answer(view, asked)


def routes(built: Mesh, key: str = "VirtualService/chatgpt-production/chatgpt-mcp") -> dict[str, dict[str, Any]]:
    """HTTP routes by the part of their name after the app's; the first of each name."""
    named: dict[str, dict[str, Any]] = {}
    for route in manifest(built, key)["http"]:
        named.setdefault(route["name"].removeprefix("chatgpt-mcp").removeprefix("."), route)
    return named


def asked(built: Mesh, path: str, method: str = "GET", host: str = "chatgpt-mcp.example.com", **rest: Any) -> Answer:
    """What the checker says becomes of a client's request to a public host."""
    return answer(seen(built), Request(INTERNET, host, path, method, **rest))


def seen(built: Mesh) -> MeshView:
    """The mesh as the checker sees it, with its gateways' charts."""
    charts = [
        {
            "apiVersion": "v1",
            "kind": "HelmValues",
            "metadata": {"name": f"gateway/{gateway.home}/{gateway.release_name}"},
            "values": {},
        }
        for gateway in built.gateways.values()
    ]
    items = [owned.resource.to_dict() for owned in built.objects]
    return MeshView([*items, *charts], environment=Environment(), today=TODAY)
