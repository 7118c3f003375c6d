"""Paths as a proxy reads them: normalized, before any route or policy looks at them.

Sources: istio.io/latest/docs/reference/config/security/normalization; Envoy's `normalize_path` resolves `.` and `..`,
takes `\\` for `/`, decodes letters, digits and `-._~`, and refuses an encoded NUL.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from meshlint.reachability.request import Answer, Outcome
from meshlint.view.fields import elements, mapping, text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.reachability.authorization import Proxy
    from meshlint.reachability.request import Request
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView

_ENCODED = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_ESCAPED_SLASH = re.compile(r"%(2[fF]|5[cC])")


def read(mesh: MeshView, request: Request) -> Request | None:
    """The request with its path as proxies of this mesh read it; None where they answer 400 to it."""
    path, question, query = request.path.partition("?")
    found = normalized(path, mesh.once("path normalization", lambda: _mode(mesh)))
    if found == path:
        return request
    return None if found is None else replace(request, path=f"{found}{question}{query}")


def _mode(mesh: MeshView) -> str:
    return next((found for c in mesh.mesh_configs if (found := c.get("pathNormalization", "normalization"))), "DEFAULT")


@functools.lru_cache(maxsize=4096)
def normalized(path: str, mode: str = "DEFAULT") -> str | None:
    """A path without its query; None for one that is refused. `mode` is MeshConfig's `pathNormalization`."""
    if mode == "NONE":
        return path
    if mode == "DECODE_AND_MERGE_SLASHES":
        path = _ESCAPED_SLASH.sub("/", path)
    if "%00" in path:
        return None
    path = _without_dots(_ENCODED.sub(_decoded, path).replace("\\", "/"))
    return re.sub("/+", "/", path) if mode in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES") else path


def _decoded(encoded: re.Match[str]) -> str:
    character = chr(int(encoded[1], 16))
    return character if _UNRESERVED.fullmatch(character) else encoded[0]


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if position == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def bad(by: str) -> Answer:
    return Answer(Outcome.DENIED, 400, by, "the path cannot be normalized, and is answered as a bad request")


def refused(mesh: MeshView, proxy: Proxy, request: Request) -> Answer | None:
    """The answer of pods that an EnvoyFilter lets refuse escaped slashes."""
    if not _ESCAPED_SLASH.search(request.path.partition("?")[0]):
        return None
    for obj in mesh.istio("EnvoyFilter"):
        near = obj.namespace in (proxy.namespace, mesh.root_namespace)
        if near and selects(mapping(obj.spec, "workloadSelector", "labels"), proxy.labels) and _refuses(obj):
            return Answer(Outcome.DENIED, 400, obj.key, "it refuses escaped slashes")
    return None


def _refuses(obj: Manifest) -> bool:
    return any(
        text(patch, "patch", "value", "typed_config", "path_with_escaped_slashes_action") == "REJECT_REQUEST"
        for patch in elements(obj.spec, "configPatches")
        if text(patch, "match", "context") in ("", "ANY", "SIDECAR_INBOUND", "GATEWAY")
    )
