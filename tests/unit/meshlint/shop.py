"""One MCP app behind a gateway, a frontend that may call it, tokens and policies."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from meshlint.environment import Environment
from meshlint.reachability.request import INTERNET, Request, Token
from meshlint.view.mesh import MeshView

HOST = "mcp.example.com"
SERVICE = "mcp.apps.svc.cluster.local"

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: apps}
spec: {selector: {app: mcp}, ports: [{name: http, port: 8080, targetPort: 9000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mcp, namespace: apps}
spec: {template: {metadata: {labels: {app: mcp, version: v1}}, spec: {serviceAccountName: mcp}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: frontend, namespace: apps}
spec: {template: {metadata: {labels: {app: frontend}}, spec: {serviceAccountName: frontend}}}
---
apiVersion: v1
kind: HelmValues
metadata: {name: gateway/edge/istio-ingressgateway}
values: {}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["apps/mcp.example.com"]
    tls: {mode: SIMPLE, credentialName: c}
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["mcp.example.com"], tls: {httpsRedirect: true}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: apps}
spec:
  hosts: [mcp.example.com]
  gateways: [edge/public]
  http:
  - name: metadata
    match: [{uri: {exact: /.well-known/oauth-protected-resource}, method: {exact: GET}}]
    directResponse: {status: 200}
  - name: mcp
    match:
    - uri: {exact: /mcp}
      method: {regex: GET|POST}
      headers: {"@request.auth.claims[aud]": {exact: "https://mcp.example.com/mcp"}}
    route: [{destination: {host: mcp.apps.svc.cluster.local, port: {number: 8080}}}]
  - name: challenge
    match: [{uri: {exact: /mcp}}]
    directResponse: {status: 401}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: edge}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    jwks: '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    audiences: []
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: origins, namespace: edge}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules: [{when: [{key: "request.headers[origin]", values: ["*"], notValues: ["https://chatgpt.com"]}]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: apps}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: apps}
spec:
  selector: {matchLabels: {app: mcp}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/edge/sa/istio-ingressgateway]}}]
    to: [{operation: {methods: [GET, POST], paths: [/mcp], ports: ["9000"], hosts: [mcp.example.com]}}]
  - from: [{source: {principals: [cluster.local/ns/apps/sa/frontend]}}]
    to: [{operation: {methods: [POST], paths: [/mcp]}}]
"""

GOOD = Token({"iss": "https://auth.example.com", "sub": "u", "aud": "https://mcp.example.com/mcp"})
ELSEWHERE = Token({**GOOD.claims, "aud": "https://other.example.com"})


def documents(text: str = SHOP) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def mesh(text: str = SHOP) -> MeshView:
    return MeshView(documents(text), environment=Environment(), today=date(2026, 11, 24))


def without(kind: str, name: str) -> str:
    kept = [d for d in documents() if (d["kind"], d["metadata"]["name"]) != (kind, name)]
    return yaml.safe_dump_all(kept)


def outside(path: str = "/mcp", method: str = "POST", token: Token | None = GOOD, **more: Any) -> Request:
    return Request(INTERNET, HOST, path, method, token=token, **more)


def inside(caller: str, path: str = "/mcp", method: str = "POST") -> Request:
    return Request(caller, SERVICE, path, method, port=8080)
