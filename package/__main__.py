"""Started by Pulumi as the package's plugin; `PulumiPlugin.yaml` says with which interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Pulumi starts the folder as a program of its own, and its modules must not be found under a second name.
sys.path[0] = str(HERE.parent)

from pulumi.provider import main  # noqa: E402 - the path comes first

from chatgpt_mesh.package.provider import Package  # noqa: E402

if __name__ == "__main__":
    main(Package((HERE / "schema.json").read_text(encoding="utf-8")), sys.argv[1:])
