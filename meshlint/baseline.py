"""Old findings, written down once so that a run reports only what is new.

A baseline is JSON: `{"version": 1, "findings": {FINGERPRINT: "CODE OBJECT"}}`. It grows only by hand or by
`--write-baseline`; what is mended is said, so that it can be taken out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.lint import Located

VERSION = 1


class BaselineError(ValueError):
    """A file that is no baseline."""


def read(path: str) -> dict[str, str]:
    """What each fingerprint stands for.

    Raises:
        FileNotFoundError: where there is no such file.
        BaselineError: for a file of another form.
    """
    try:
        document: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path} is no JSON: {error}; write it with --write-baseline") from error
    found = cast("dict[str, Any]", document).get("findings") if isinstance(document, dict) else None
    if not isinstance(found, dict) or cast("dict[str, Any]", document).get("version") != VERSION:
        raise BaselineError(f"{path} is no baseline of version {VERSION}; write it with --write-baseline")
    return {str(fingerprint): str(said) for fingerprint, said in cast("dict[str, Any]", found).items()}


def write(path: str, findings: Iterable[Located]) -> int:
    """Write down these findings; how many they are."""
    told = {found.fingerprint: f"{found.code} {found.object or found.file}" for found in findings}
    document = {"version": VERSION, "findings": dict(sorted(told.items(), key=lambda item: (item[1], item[0])))}
    Path(path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return len(told)
