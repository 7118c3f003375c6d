"""A metric tag with unbounded values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.expressions import expressions

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP605",
    WARNING,
    "A metric tag with unbounded values",
    symptoms=("Prometheus runs out of memory", "proxies use more and more memory"),
    why="""
Each value of a tag is a time series of its own, in every proxy and in Prometheus: sizes, durations, paths, ids,
addresses and anything a client may write make millions. Map them to a few values: `request.size > 10000 ? 'big' :
'small'`.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {model: {value: "'x-model' in request.headers ? request.headers['x-model'] : 'unknown'"}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides:
        model: {value: "request.headers['x-model'] in ['small', 'large'] ? request.headers['x-model'] : 'other'"}
""",
    sources=("https://prometheus.io/docs/practices/naming/#labels",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for expression in expressions(mesh):
        if expression.boolean:
            continue
        bare = COMPARED.sub("", LISTED.sub(":", expression.text))
        found = UNBOUNDED.search(bare)
        if found:
            problem = f"is {expression.text!r}, and {found.group()} has any number of values"
            yield Hit(expression.obj, expression.path, problem, "map it to a few values by a condition")


_ATTRIBUTE = r"(?:request|response|source|destination|connection|upstream)\.\w+(?:\[[^\]]*\]|\.\w+\b(?!\())?"
LISTED = re.compile(rf"(?P<value>{_ATTRIBUTE}|\((?:[^()]|\([^()]*\))*\))\s+in\s+\[[^\]]*\]\s*\?\s*(?P=value)\s*:")
"""A value that is handed on only where it is one of a list: `x in ['a', 'b'] ? x : ...`."""

COMPARED = re.compile(
    rf"(?:'[^']*'|\"[^\"]*\")\s+in\s+{_ATTRIBUTE}"
    rf"|{_ATTRIBUTE}\s*(?:==|!=|<=|>=|<|>|in\s*\[[^\]]*\])\s*(?:'[^']*'|\"[^\"]*\"|[\w.]+(?:\([^)]*\))?)?"
    rf"|{_ATTRIBUTE}\.(?:startsWith|endsWith|matches|contains)\([^)]*\)"
)
"""What only compares an attribute: the result has two values."""

UNBOUNDED = re.compile(
    r"request\.(?:path|url_path|query|id|time|duration|size|total_size|useragent|referer|host)\b"
    r"|request\.headers\s*\[[^\]]*\]|request\.headers\.\w+"
    r"|response\.(?:size|total_size|backend_latency)\b|response\.headers\s*\[[^\]]*\]"
    r"|(?:source|upstream)\.(?:address|port)\b|connection\.(?:id|requested_server_name)\b"
)
