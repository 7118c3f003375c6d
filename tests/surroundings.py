"""What the stack files of this repository expect of a machine: a kubeconfig, and the lab's directories."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.stack import stack_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
"""The project."""

STACKS = ("staging", "prod", "lab")

KEY_SET = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
"""In place of the keys that the lab makes (RFC 8037, appendix A.2)."""


def own_layer(stack: str) -> dict[str, Any]:
    """What a stack's own file says, without its parents."""
    return dict(stack_files.read_stack_file(ROOT / f"Pulumi.{stack}.yaml").values)


@contextlib.contextmanager
def surroundings(directory: Path) -> Iterator[None]:
    """A machine on which every stack of this repository can be loaded, below an empty directory."""
    contexts = [own_layer(stack)["cluster"].get("context") for stack in STACKS]
    (directory / "issuer").mkdir(parents=True)
    (directory / "issuer" / "jwks.json").write_text(KEY_SET, encoding="utf-8")
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({"contexts": [{"name": name} for name in contexts if name]}), encoding="utf-8")
    given = {
        "KUBECONFIG": str(kubeconfig),
        "LAB_STATE": str(directory),
        "ISTIO_CHARTS": str(directory / "charts"),
        "CERT_MANAGER_CHART": str(directory / "cert-manager"),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
