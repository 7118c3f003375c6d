"""`.meshlint.yaml`: what a repository wants of every run. An option on the command line wins over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from meshlint.finding import Profile, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = ".meshlint.yaml"
"""Looked for where meshlint is started."""


class ConfigurationError(ValueError):
    """Everything that is wrong in a configuration, a sentence each."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says; None for what it leaves open."""

    select: tuple[str, ...] | None = None
    """Codes or their beginnings (`MCP1`): nothing else is reported."""
    ignore: tuple[str, ...] | None = None
    """Codes or their beginnings that are not reported."""
    profile: str | None = None
    severity: str | None = None
    fail_on: str | None = None
    environment: str | None = None
    mcp_paths: tuple[str, ...] | None = None
    baseline: str | None = None
    whole_mesh: bool | None = None
    """Whether the files are all that the mesh has."""


def _codes(value: Any) -> str:
    listed = cast("list[Any]", value) if isinstance(value, list) else None
    if listed is None or not all(isinstance(one, str) and one.startswith("MCP") for one in listed):
        return "a list of codes or their beginnings, as [MCP107, MCP6]"
    return ""


def _paths(value: Any) -> str:
    listed = cast("list[Any]", value) if isinstance(value, list) else None
    if listed is None or not all(isinstance(one, str) and one.startswith("/") for one in listed):
        return "a list of paths, as [/mcp]"
    return ""


def _one_of(*allowed: str) -> Callable[[Any], str]:
    return lambda value: "" if value in allowed else f"one of {', '.join(allowed)}"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "the path of a file"


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


_SEVERITIES = tuple(severity.value for severity in Severity)

_WANTED: dict[str, Callable[[Any], str]] = {
    "select": _codes,
    "ignore": _codes,
    "profile": _one_of(*(profile.value for profile in Profile)),
    "severity": _one_of(*_SEVERITIES),
    "fail_on": _one_of(*_SEVERITIES),
    "environment": _one_of("production", "staging"),
    "mcp_paths": _paths,
    "baseline": _text,
    "whole_mesh": _truth,
}


def read(path: str | None) -> Configuration:
    """The named file, or `.meshlint.yaml` here; an empty configuration where there is none.

    Raises:
        FileNotFoundError: where a named file does not exist.
        ConfigurationError: for a file with mistakes.
    """
    file = Path(path or NAME)
    if path is None and not file.is_file():
        return Configuration()
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if document is None:
        return Configuration()
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} holds no mapping; write for example `ignore: [MCP606]`")
    values = cast("dict[str, Any]", document)
    problems = [
        f"{file}: {name} is no setting; there are {', '.join(_WANTED)}" for name in values if name not in _WANTED
    ]
    problems += [
        f"{file}: {name} is {value!r}; write {wanted}"
        for name, value in values.items()
        if name in _WANTED and (wanted := _WANTED[name](value))
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
    lists: dict[str, Any] = {name: tuple(values[name]) for name in ("select", "ignore", "mcp_paths") if name in values}
    return Configuration(**(values | lists))
