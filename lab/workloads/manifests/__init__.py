"""The sample workloads' Kubernetes objects, with the image filled in."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

import yaml

_DIRECTORY = Path(__file__).resolve().parent
# Namespaces and service accounts come before what lives in them; the callers' namespaces are made here.
_ORDER = ("Namespace", "ServiceAccount", "Service", "Sidecar", "Deployment")


def load(*, image: str, digest: str) -> list[dict[str, Any]]:
    """Every object in the order in which to apply it. `digest` names the image; a new one restarts the pods."""
    objects: list[dict[str, Any]] = []
    for path in sorted(_DIRECTORY.glob("*.yaml")):
        text = Template(path.read_text(encoding="utf-8")).substitute(WORKLOAD_IMAGE=image, WORKLOAD_DIGEST=digest)
        objects += [document for document in yaml.safe_load_all(text) if document]
    return sorted(objects, key=lambda document: _ORDER.index(document["kind"]))
