"""Reads a stack's settings in layers: its own, above the files that it extends.

A parent has the shape of a stack file. Layers are merged as RFC 7396 (JSON Merge Patch) says: mappings merge, `null`
removes what was inherited, and everything else replaces, lists included. Two rules are added. A mapping whose `kind`
differs from the inherited one replaces it whole, because the other kind's keys mean nothing there. And `null` stays to
be seen, since it says more where a setting can be nothing (`stack/nothing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import yaml

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.stack import core_schema

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "chatgpt-mesh"
EXTENDS = "extends"

# What Pulumi itself keeps in a stack file beside its configuration.
# https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
_ANY_KEY_SET = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
_PULUMI_KEYS = frozenset({"config", "encryptionsalt", "encryptedkey", "secretsprovider"})

Values = dict[str, Any]


@dataclass(slots=True)
class Layers:
    """The merged settings of a stack, by name without the package prefix, with what was wrong on the way."""

    values: Values = field(default_factory=dict[str, Any])
    problems: list[Problem] = field(default_factory=list[Problem])
    unreadable: list[Problem] = field(default_factory=list[Problem])
    """Files that could not be read. Whatever else seems wrong then follows from what is missing."""


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Values:
    """The child's values over the parent's; see the module's text for the rule."""
    merged = dict(parent)
    for key, value in child.items():
        inherited = merged.get(key)
        if isinstance(value, Mapping):
            mapping = cast("Mapping[str, Any]", value)
            base: Mapping[str, Any] = cast("Values", inherited) if isinstance(inherited, Mapping) else {}
            if "kind" in mapping and base.get("kind") != mapping["kind"]:
                base = {}
            merged[key] = merge(base, mapping)
        else:
            merged[key] = value
    return merged


def layered(own: Values, root: Path) -> Layers:
    """Puts the stack's own settings over its parents', later parents over earlier ones.

    `root` is the project's directory, against which parents are named, wherever the stack file itself lies.
    """
    layers = Layers()
    values: Values = {}
    for parent in _parents(own, EXTENDS, layers):
        values = merge(values, _read_parent(parent, root, (), layers))
    layers.values = merge(values, {key: value for key, value in own.items() if key != EXTENDS})
    return layers


def read_stack_file(path: Path) -> Layers:
    """The own layer of a stack file, for tools that run without Pulumi's engine.

    Encrypted values stay unread: they show as `[secret]`.
    """
    layers = Layers()
    layers.values = _own_keys(_read(path, layers), path.name, layers, inherited=False)
    return layers


def secret_paths(path: Path) -> dict[str, list[str]]:
    """Where a stack file holds encrypted values, by setting: `{"apps": ["apps.chatgpt-mcp.token"]}`."""
    prefix = f"{PACKAGE}:"
    config = _read(path, Layers())
    names = [key.removeprefix(prefix) for key in config if key.startswith(prefix)]
    return {name: _secret_paths(config[f"{prefix}{name}"], name) for name in names}


def scalar(text: str) -> Any:
    """What a plain scalar of a stack file means: `true` is a boolean, `on` is text."""
    return core_schema.load(text)


def _read_parent(name: str, root: Path, below: tuple[str, ...], layers: Layers) -> Values:
    if name in below:
        chain = " -> ".join((*below, name))
        layers.problems.append(
            Problem(EXTENDS, f"{chain} is a circle; a file cannot extend itself: drop one of the links")
        )
        return {}
    path = root / name
    own = _own_keys(_read(path, layers), name, layers, inherited=True)
    values: Values = {}
    for parent in _parents(own, f"{name}: {EXTENDS}", layers):
        values = merge(values, _read_parent(parent, root, (*below, name), layers))
    own.pop(EXTENDS, None)
    return merge(values, own)


def _parents(own: Mapping[str, Any], path: str, layers: Layers) -> list[str]:
    parents = own.get(EXTENDS, [])
    if isinstance(parents, list) and all(isinstance(p, str) for p in cast("list[object]", parents)):
        return cast("list[str]", parents)
    layers.problems.append(Problem(path, "must be a list of files, such as [config/every-stack.yaml]", own[EXTENDS]))
    return []


def _read(path: Path, layers: Layers) -> Values:
    """The `config` mapping of a stack file."""
    try:
        document: object = core_schema.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        layers.unreadable.append(Problem(EXTENDS, f"cannot read {path}: {reason}; name a file relative to the project"))
        return {}
    except RecursionError:
        layers.unreadable.append(Problem(str(path), "is nested too deeply to be read; mend its brackets"))
        return {}
    except yaml.YAMLError as error:
        layers.unreadable.append(Problem(str(path), f"is not valid YAML: {_told(error)}"))
        return {}
    except ValueError as error:  # bytes that are no UTF-8, a name with a NUL
        layers.unreadable.append(Problem(str(path), f"cannot be read: {error}; write UTF-8"))
        return {}
    if document is None:
        return {}
    if not isinstance(document, dict):
        layers.unreadable.append(
            Problem(str(path), "must be a mapping with the key `config`, like a Pulumi stack file")
        )
        return {}
    mapping = cast("Values", document)
    for key in mapping.keys() - _PULUMI_KEYS:
        layers.problems.append(
            Problem(f"{path.name}: {key}", "is not read here; move settings below `config`, named chatgpt-mesh:NAME")
        )
    config: Any = mapping.get("config") or {}
    if not isinstance(config, dict):
        layers.problems.append(Problem(f"{path.name}: config", "must be a mapping of chatgpt-mesh:NAME to a value"))
        return {}
    return cast("Values", config)


def _told(error: yaml.YAMLError) -> str:
    """Place and reason on one line, without the line itself: it may hold what is nobody's to see."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    first = ""
    if error.context == core_schema.FIRST_GIVEN and error.context_mark is not None:
        first = f" (the first on line {error.context_mark.line + 1})"
    return f"{where}{error.problem or error.context}{first}"


def _own_keys(config: Values, name: str, layers: Layers, *, inherited: bool) -> Values:
    values: Values = {}
    for key, value in config.items():
        package, _, setting = str(key).partition(":")
        if package != PACKAGE or not setting:
            if inherited:
                layers.problems.append(
                    Problem(
                        f"{name}: {key}",
                        f"cannot be inherited, only {PACKAGE}: settings can; set it in the stack's own file",
                    )
                )
            continue
        secrets = _secret_paths(value, setting)
        if secrets and inherited:
            for path in secrets:
                layers.problems.append(
                    Problem(
                        f"{name}: {path}",
                        "is encrypted for another stack and cannot be inherited; "
                        f"set it in the stack itself: pulumi config set --secret --path '{PACKAGE}:{path}'",
                    )
                )
            continue
        values[setting] = _without_secrets(value)
    return values


def _secret_paths(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        mapping = cast("Values", value)
        if mapping.keys() == {"secure"}:
            return [path]
        return [p for key, item in mapping.items() for p in _secret_paths(item, f"{path}.{key}")]
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [p for index, item in enumerate(items) for p in _secret_paths(item, f"{path}[{index}]")]
    return []


def _shown(key: str, value: Any) -> Any:
    """A key set is read wherever it stands, so one that is encrypted stands as another."""
    return _ANY_KEY_SET if key == "jwks" and _secret_paths(value, "") == [""] else _without_secrets(value)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        mapping = cast("Values", value)
        if mapping.keys() == {"secure"}:
            return "[secret]"
        return {key: _shown(key, item) for key, item in mapping.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in cast("list[Any]", value)]
    return value
