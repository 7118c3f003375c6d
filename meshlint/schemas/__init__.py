"""What Istio's API server keeps of an object: field names, types and enums, read from the pinned modules.

The JSON files beside it are generated, and say by what and from which versions. Their form is compact, so that loading
costs milliseconds:

- `"s"`, `"b"`, `"i"`, `"n"`: string, boolean, integer, number; `"is"`: integer or string; `"x"`: anything
- `["e", V...]`: one of the values; `["l", T]`: list of T; `["m", T]`: map of T
- an object: its fields by name; its required fields are listed under the empty name
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, cast

Schema = Any
"""A schema node in the compact form above. JSON, hence untyped."""

REQUIRED = ""


@functools.cache
def load(name: str) -> dict[str, Schema]:
    """The generated table `name`: `istio_resources`, `gateway_api_resources`, `mesh_config`, `chart_values` or
    `environment_names`."""
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8")
    return cast("dict[str, Schema]", json.loads(text)["tables"])
