"""The version of Istio that this repository is written for and proven with, named here and nowhere else.

Everything else that knows a version is made from this or held to it by tests/unit/test_istio_version.py. Written by
`make istio VERSION=...`: docs/istio-version.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RELEASE: Final = "1.31.4"
"""Istio's release, MAJOR.MINOR.PATCH: version of the charts and of their images, and what committed stacks name."""

MODULES: Final[Mapping[str, str]] = {
    "istio.io/api": "v1.31.0-rc.0.0.20260824154656-b943409680a7",
    "istio.io/istio": "v0.0.0-20260827124520-eed52ebb66ad",
}
"""The Go modules that stand for the release, by path: Istio's API (protobuf files and custom resource definitions),
Istio's source (programs of the lab, charts), and any module whose version is not the one that this source requires."""
