"""The environment variables that istiod and the proxy's agent read."""

from __future__ import annotations

import re

from chatgpt_mesh.istio_api.generate.istio_modules import module_directory

_ENVIRONMENT_NAME = re.compile(r'"((?:PILOT|ISTIO)_[A-Z0-9_]+)"')
_METADATA_TAG = re.compile(r'json:"([A-Z][A-Z0-9_]+)')


def environment_names() -> list[str]:
    """Every variable that some Go file other than a test mentions."""
    istio = module_directory("istio.io/istio")
    names: set[str] = set()
    for directory in ("pilot", "pkg", "security"):
        for file in (istio / directory).rglob("*.go"):
            if not file.name.endswith("_test.go"):
                names.update(_ENVIRONMENT_NAME.findall(file.read_text(encoding="utf-8")))
    for file in (istio / "pkg" / "model").glob("*.go"):
        names.update(f"ISTIO_META_{tag}" for tag in _METADATA_TAG.findall(file.read_text(encoding="utf-8")))
    return sorted(names)
