"""A path in a stack file, with `~` and `$NAME` as the shell writes them."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import AfterValidator

from chatgpt_mesh.mesh.specs.scalar import refuse

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def expand(path: str) -> str:
    """The path with environment variables and `~` put in.

    Raises:
        ValueError: a variable is not set; the sentence names it.
    """
    for match in _VARIABLE.finditer(path):
        name = match[1] or match[2]
        if name not in os.environ:
            raise ValueError(
                f"names the environment variable {name}, which is not set; export it or write the path out"
            )
    return os.path.expanduser(_VARIABLE.sub(lambda match: os.environ[match[1] or match[2]], path))


def _path(text: str) -> str:
    if not text.strip() or not text.isprintable() or text != text.strip():
        raise refuse("must be a path: one line, not empty and without blanks around it; remove the key for the default")
    return expand(text)


PathSetting = Annotated[str, AfterValidator(_path)]
