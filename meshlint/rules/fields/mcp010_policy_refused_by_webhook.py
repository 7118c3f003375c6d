"""A policy, Gateway or ServiceEntry that Istio's webhook refuses."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, strings, text
from meshlint.view.strings import METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import ServiceEntry
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Server
    from meshlint.view.security import AuthorizationPolicy, PolicyRule


@rule(
    "MCP010",
    ERROR,
    "A policy, Gateway or ServiceEntry that Istio's webhook refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, the validating webhook does not: a port that is no number, a condition on an attribute that does
not exist, an empty list where one entry is needed, a Gateway without servers, a protocol that Istio does not speak. A
`*` in the middle of a policy's value is accepted, and compared as a letter.
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
    to: [{operation: {ports: ["http"]}}]
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
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=("https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        for rule_ in policy.rules:
            yield from _rule(policy, rule_)
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            if not text(jwt.raw, "issuer"):
                yield Hit(jwt.obj, (*jwt.path, "issuer"), "is absent", "name who issues the tokens")
    for gateway in mesh.gateways:
        if not gateway.servers:
            yield Hit(gateway.obj, ("spec", "servers"), "is empty", "add a server, or remove the Gateway", WARNING)
        for server in gateway.servers:
            yield from _server(server)
    for entry in mesh.service_entries:
        yield from _entry(entry)


def _rule(policy: AuthorizationPolicy, rule_: PolicyRule) -> Hits:
    for number_, entry in enumerate(elements(rule_.raw, "from")):
        if not mapping(entry, "source"):
            where = (*rule_.path, "from", number_, "source")
            yield Hit(policy.obj, where, "is empty", "name a source, or remove from")
    for operation in rule_.operations:
        if not operation.raw:
            yield Hit(policy.obj, operation.path, "is empty", "name an operation, or remove to")
        for field in ("ports", "notPorts"):
            for position, port in enumerate(strings(operation.raw, field)):
                if not (port.isdecimal() and 0 < int(port[:6]) < 65536):
                    where = (*operation.path, field, position)
                    yield Hit(
                        policy.obj, where, f"is {port!r}, which is no port number", "write a number from 1 to 65535"
                    )
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
                yield Hit(policy.obj, where, f"is {name!r}, which is no HTTP method", mend)
    for condition in rule_.conditions:
        if not condition.key.startswith(KEYS):
            similar = get_close_matches(condition.key, KEYS, n=1)
            mend = f"did you mean {similar[0]}?" if similar else "see the reference of conditions"
            where = (*condition.path, "key")
            yield Hit(policy.obj, where, f"is {condition.key!r}, an attribute that does not exist", mend)
        elif condition.key in PLAIN or not condition.key.startswith(tuple(PLAIN)):
            pass
        else:
            where = (*condition.path, "key")
            yield Hit(policy.obj, where, f"is {condition.key!r}, an attribute that does not exist", "correct it")
        if not condition.values and not condition.not_values:
            yield Hit(policy.obj, condition.path, "has neither values nor notValues", "add one of them")


PLAIN = (
    "source.ip", "remote.ip", "source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal",
    "request.auth.principal", "request.auth.audiences", "request.auth.presenter", "destination.ip",
    "destination.port", "connection.sni", "destination.name", "destination.namespace", "destination.user",
)  # fmt: skip
KEYS = (*PLAIN, "request.headers[", "request.auth.claims[", "destination.labels[", "experimental.envoy.filters.")


def _server(server: Server) -> Hits:
    if server.protocol and server.protocol not in GATEWAY_PROTOCOLS:
        where = (*server.path, "port", "protocol")
        yield Hit(server.obj, where, f"is {server.protocol}, which no gateway speaks", _protocols(server.protocol))
    if not server.hosts:
        yield Hit(server.obj, (*server.path, "hosts"), "is empty", "name the hosts")


def _entry(entry: ServiceEntry) -> Hits:
    if not entry.hosts:
        yield Hit(entry.obj, ("spec", "hosts"), "is empty", "name the hosts")
    if not entry.ports:
        yield Hit(entry.obj, ("spec", "ports"), "is empty, so nothing can be called", "name the ports", WARNING)
    for position, port in enumerate(entry.ports):
        protocol = port.protocol.upper()
        if protocol and protocol not in ENTRY_PROTOCOLS:
            where = ("spec", "ports", position, "protocol")
            yield Hit(entry.obj, where, f"is {protocol}, which Istio does not know", _protocols(protocol))


GATEWAY_PROTOCOLS = ("HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS", "MYSQL", "REDIS", "HBONE")
ENTRY_PROTOCOLS = (*GATEWAY_PROTOCOLS, "UDP", "HTTP_PROXY")


def _protocols(written: str) -> str:
    similar = get_close_matches(written, GATEWAY_PROTOCOLS, n=1)
    return f"did you mean {similar[0]}?" if similar else f"write one of {', '.join(GATEWAY_PROTOCOLS)}"
