"""A policy's method, host or path that no request has."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.strings import METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP339",
    ERROR,
    "A policy's method, host or path that no request has",
    symptoms=("a policy denies everything", "a policy does not deny what it should"),
    why="""
A `*` stands for something only where a value begins or ends with it; in the middle it is compared as a letter. Methods
are compared as letters too, and those of HTTP are written in capitals. Istio accepts both: an ALLOW rule lets nobody in
by such a value, and a DENY rule stops nobody.

An error for what resembles a method of HTTP; a method that nobody knows is an info.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {paths: ["/carts/*/items"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {paths: ["/carts/{*}/items"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            for operation in rule_.operations:
                for field in ("hosts", "methods", "paths"):
                    for position, written in enumerate(strings(operation.raw, field)):
                        if "*" in written[1:-1] and "{*" not in written:
                            where = (*operation.path, field, position)
                            problem = f"is {written!r}, and a * in the middle is compared as a letter"
                            yield Hit(policy.obj, where, problem, "keep * for the beginning or the end")
                for position, name in enumerate(strings(operation.raw, "methods")):
                    if name.isalpha() and name not in METHODS:
                        similar = get_close_matches(name.upper(), METHODS, n=1)
                        mend = f"did you mean {similar[0]}?" if similar else "write a method in capitals"
                        where = (*operation.path, "methods", position)
                        known = name.upper() in METHODS or bool(similar)
                        problem = f"is {name!r}, which is no HTTP method"
                        yield Hit(policy.obj, where, problem, mend, None if known else INFO, ERROR)
