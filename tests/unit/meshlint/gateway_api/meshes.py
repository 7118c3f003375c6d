"""Meshes of Gateway API and of ambient mode, small enough to know every answer."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from meshlint.environment import Environment
from meshlint.view.mesh import MeshView

HOST = "mcp.example.com"
SERVICE = "mcp.apps.svc.cluster.local"

EDGE = """
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: apps}
spec: {selector: {app: mcp}, ports: [{name: http, port: 8080, targetPort: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: apps}
spec: {selector: {app: other}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: mcp, namespace: apps}
spec:
  parentRefs: [{name: public, namespace: edge, sectionName: https}]
  hostnames: [mcp.example.com]
  rules:
  - matches: [{path: {value: /mcp}}]
    backendRefs: [{name: mcp, port: 8080}]
  - matches: [{path: {type: Exact, value: /mcp/exact}}]
    backendRefs: [{name: other, port: 80}]
  - matches: [{path: {value: /mcp}, method: DELETE}]
    backendRefs: [{name: other, port: 80}]
  - matches: [{path: {value: /nowhere}}]
    backendRefs: [{name: mcp, port: 8080, weight: 0}]
  - matches: [{path: {value: /old}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /mcp}}
  - matches: [{path: {value: /outer}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /inner}}}]
    backendRefs: [{name: mcp, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: redirect, namespace: edge}
spec:
  parentRefs: [{name: public, sectionName: http}]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]
"""

AMBIENT = """
apiVersion: v1
kind: Namespace
metadata: {name: apps, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: apps, labels: {istio.io/use-waypoint: waypoint}}
spec: {selector: {app: mcp}, ports: [{name: http, port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mcp, namespace: apps}
spec: {template: {metadata: {labels: {app: mcp}}, spec: {serviceAccountName: mcp}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: frontend, namespace: apps}
spec: {template: {metadata: {labels: {app: frontend}}, spec: {serviceAccountName: frontend}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: apps, labels: {istio.io/waypoint-for: service}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reads, namespace: apps}
spec:
  targetRefs: [{kind: Service, group: "", name: mcp}]
  rules:
  - from: [{source: {serviceAccounts: [frontend]}}]
    to: [{operation: {methods: [GET]}}]
"""


def objects(*parts: str) -> list[dict[str, Any]]:
    """The objects of several texts."""
    return [one for part in parts for one in yaml.safe_load_all(part) if one]


def mesh(*parts: str) -> MeshView:
    """The view of several texts together."""
    return MeshView(objects(*parts), environment=Environment(), today=date(2026, 12, 1))
