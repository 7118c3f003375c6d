"""A patch that applies to nothing."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.directions import selects_gateway
from meshlint.view.envoy_filters import FILTERS, MESSAGES
from meshlint.view.fields import Json, elements, mapping, string_map, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP808",
    WARNING,
    "A patch that applies to nothing",
    symptoms=("a setting has no effect", "proxy keeps old config"),
    why="""
A patch needs `applyTo`, an operation and (except to remove) a value of the shape that belongs to it. It is applied
where its match finds something: a filter name that nobody has, a sidecar's context on a gateway's pods, or
`REPLACE` without the filter to replace, find nothing, without a word.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/envoy-filter/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        labels = string_map(obj.spec, "workloadSelector", "labels")
        gateway = selects_gateway(mesh, obj.namespace, labels)
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            path: Path = ("spec", "configPatches", position)
            yield from _shape(obj, path, patch)
            yield from _context(obj, path, patch, labels, gateway=gateway)
            yield from _match(obj, path, patch)


def _shape(obj: Manifest, path: Path, patch: Json) -> Hits:
    apply_to, operation = text(patch, "applyTo"), text(patch, "patch", "operation")
    known = OPERATIONS.get(apply_to)
    if known is not None and operation not in (*known, "", "INVALID"):
        problem = f"is {operation}, which istiod does not do to a {apply_to}"
        yield Hit(obj, (*path, "patch", "operation"), problem, f"write {' or '.join(known)}")
    content = mapping(patch, "patch", "value")
    where: Path = (*path, "patch", "value")
    if operation not in ("", "INVALID", "REMOVE") and "value" in mapping(patch, "patch") and not content:
        yield Hit(obj, where, "is empty, so nothing is patched", "add the value")
    is_filter = apply_to in ("HTTP_FILTER", "NETWORK_FILTER", "LISTENER_FILTER")
    if is_filter and operation.startswith(("INSERT", "ADD")) and content:
        if not text(content, "name"):
            yield Hit(obj, (*where, "name"), "is absent, so Envoy refuses the filter", "name the filter")
        if not mapping(content, "typed_config") and "config_discovery" not in content and "config" not in content:
            yield Hit(obj, (*where, "typed_config"), "is absent, so Envoy refuses the filter", "configure the filter")
    if not is_filter and apply_to not in ("", "INVALID", "EXTENSION_CONFIG") and "typed_config" in content:
        yield Hit(obj, where, f"is the configuration of a filter, patched into a {apply_to}", "correct applyTo")
    yield from _message(obj, (*where, "typed_config", "@type"), text(content, "typed_config", "@type"))


OPERATIONS = {
    "ROUTE_CONFIGURATION": ("MERGE",),
    "VIRTUAL_HOST": ("MERGE", "ADD", "REMOVE", "REPLACE"),
    "HTTP_ROUTE": ("MERGE", "ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "REMOVE"),
    "CLUSTER": ("MERGE", "ADD", "REMOVE"),
    "LISTENER": ("MERGE", "ADD", "REMOVE"),
    "FILTER_CHAIN": ("MERGE", "ADD", "REMOVE"),
}
"""What istiod applies (pilot/pkg/networking/core/envoyfilter); another operation is passed over in silence."""


def _message(obj: Manifest, path: Path, kind: str) -> Hits:
    package, _, message = kind.rpartition("/")[2].rpartition(".")
    known = MESSAGES.get(package)
    if known is not None and message != known:
        yield Hit(obj, path, f"is {message}, which {package} does not have", f"did you mean {known}?")


def _context(obj: Manifest, path: Path, patch: Json, labels: dict[str, str], *, gateway: bool) -> Hits:
    context = text(patch, "match", "context")
    where = (*path, "match", "context")
    if gateway and context.startswith("SIDECAR"):
        yield Hit(obj, where, f"is {context}, while the selected pods are a gateway", "write GATEWAY")
    elif labels and not gateway and context == "GATEWAY":
        yield Hit(
            obj, where, "is GATEWAY, while the selected pods are a workload", "write SIDECAR_INBOUND or _OUTBOUND"
        )


def _match(obj: Manifest, path: Path, patch: Json) -> Hits:
    apply_to, operation = text(patch, "applyTo"), text(patch, "patch", "operation")
    keys = ("listener", "filterChain", "filter")
    main = text(patch, "match", *keys, "name")
    sub = text(patch, "match", *keys, "subFilter", "name")
    where: Path = (*path, "match", *keys)
    for name, place in ((main, (*where, "name")), (sub, (*where, "subFilter", "name"))):
        if name.startswith("envoy.filters.") and name not in FILTERS:
            similar = get_close_matches(name, FILTERS, n=1)
            mend = f"did you mean {similar[0]}?" if similar else "use a canonical filter name"
            yield Hit(obj, place, f"is {name!r}, a filter that Envoy does not have", mend)
    # INSERT_BEFORE without a filter means the beginning; after all of them, behind the router, nothing ever runs.
    relative = operation in ("INSERT_AFTER", "REPLACE")
    if apply_to == "HTTP_FILTER" and relative and not sub:
        yield Hit(
            obj,
            where,
            f"names no subFilter, which {operation} needs",
            "name the filter, such as envoy.filters.http.router",
        )
    written = text(patch, "patch", "value", "typed_config", "@type").rpartition("/")[2].rpartition(".")[0]
    merged = written.removeprefix("envoy.extensions.").removesuffix(".v3").replace("filters.", "envoy.filters.", 1)
    if apply_to == "HTTP_FILTER" and operation == "MERGE" and sub and written in MESSAGES and merged != sub:
        problem = f"is {sub}, into which a configuration of {merged} is merged"
        yield Hit(obj, (*where, "subFilter", "name"), problem, "match the same filter, or insert it")
    if apply_to == "HTTP_FILTER" and sub and not main:
        problem = "names a subFilter without its filter"
        yield Hit(obj, where, problem, "add name: envoy.filters.network.http_connection_manager")
    if apply_to == "NETWORK_FILTER" and (relative or operation == "MERGE") and not main:
        yield Hit(obj, where, f"names no filter, which {operation} needs", "name the filter")
