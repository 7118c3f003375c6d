"""Policies with action CUSTOM: somebody else decides, and nobody where it is not declared."""

from __future__ import annotations

import pytest

from meshlint.reachability.answer import answer
from meshlint.reachability.request import Outcome
from tests.unit.meshlint.shop import SHOP, mesh, outside

pytestmark = pytest.mark.unit

POLICY = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asked, namespace: apps}
spec:
  selector: {matchLabels: {app: mcp}}
  action: CUSTOM
  provider: {name: door}
  rules: [{to: [{operation: {paths: [/mcp]}}]}]
"""
CONFIG = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: NAME
      envoyExtAuthzHttp: {service: door.doors.svc.cluster.local, port: 8080}
"""


def test_the_answer_says_who_is_asked() -> None:
    found = answer(mesh(SHOP + POLICY + CONFIG.replace("NAME", "door")), outside())
    assert found.outcome is Outcome.ALLOWED
    assert found.why.endswith(", if door lets it pass")


def test_one_that_is_not_declared_refuses_everything() -> None:
    found = answer(mesh(SHOP + POLICY + CONFIG.replace("NAME", "other")), outside())
    assert (found.outcome, found.status, found.by) == (Outcome.DENIED, 403, "AuthorizationPolicy/apps/asked")
