"""Does what a finding says: the mends that are written so that a machine can read them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

import meshlint
from meshlint import rules
from meshlint.rule_page import EXAMPLE_DAY

Objects = list[dict[str, Any]]

_VERB = re.compile(r"^(?:write|add|name them:|set it to) (?P<said>.+)$")
_CUT = re.compile(r", | \(| or | of | in | with | at | too$|\.$|$")
_VALUE = re.compile(r"""^(?:"[^"]*"|'[^']*'|[A-Za-z]\w*: ?[\[{"'].*|[A-Za-z]\w*: \S+|[\[{].*[\]}]|[\w*./:@-]+)$""")
_PLACEHOLDER = re.compile(r"\b(?:NAMESPACE|NAME|HOST|PORT|PATH|TRUST-DOMAIN|RESOURCE|CLAIM)\b")
_PROSE = frozenset({"a", "an", "the", "it", "at", "each", "one", "them", "to", "labels", "header", "endpoints", "100"})
_FIELD = re.compile(r"^(?:spec|match)\.|^\"@")
_REMOVED = re.compile(r"^(?:leave it out|remove (?P<path>it\b|spec\.\S*[^\s,]))")
_MEANT = re.compile(r"^did you mean (?P<said>\S+)\?$")


@dataclass(frozen=True)
class Mended:
    """A bad example after one of its findings has been taken at its word."""

    code: str
    said: str
    before: frozenset[tuple[str, tuple[str | int, ...]]]
    path: tuple[str | int, ...]
    changed: int
    """Which of the objects."""
    objects: Objects


def example(text: str) -> Objects:
    """The objects of an example; none where it is not YAML, as it is meant to be."""
    try:
        return [one for one in yaml.load_all(text, yaml.CSafeLoader) if isinstance(one, dict)]
    except yaml.YAMLError:
        return []


def mended() -> Iterator[Mended]:
    """Each finding of a bad example whose mend a machine can read, applied alone."""
    for rule in rules.load().values():
        objects = example(rule.bad)
        found = meshlint.run(objects, today=EXAMPLE_DAY).findings
        before = frozenset((one.code, one.path) for one in found)
        for finding in found:
            said = finding.message.rpartition("; ")[2].removesuffix(".")
            if finding.code != rule.code or not finding.path or not 0 <= finding.index < len(objects):
                continue
            changed = copy.deepcopy(objects)
            if _apply(changed[finding.index], finding.path, said):
                yield Mended(rule.code, said, before, finding.path, finding.index, changed)


def _apply(obj: Any, path: tuple[str | int, ...], said: str) -> bool:
    """Change the object as the mend says; False where no machine can."""
    removed = _REMOVED.match(said)
    if removed:
        whole = dotted_path(removed["path"]) if removed["path"] not in (None, "it") else path
        del _at(obj, whole[:-1])[whole[-1]]
        return True
    meant = _MEANT.match(f"{said}?" if said.startswith("did you mean") and not said.endswith("?") else said)
    verb = _VERB.match(said)
    value = meant["said"] if meant else _value(verb["said"]) if verb else None
    there = _at(obj, path)
    if value is None or (meant and isinstance(there, str) and " " in there):
        return False
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in path:
        name = next(iter(value))
        _at(obj, path[: path.index(name)])[name] = value[name]
        return True
    return _put(_at(obj, path[:-1]), path[-1], value, appended=said.startswith("add "))


def dotted_path(written: str) -> tuple[str | int, ...]:
    """`spec.http[0].fault` as keys and positions."""
    steps = re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([^.\[\]]+)', written)
    return tuple(int(number) if number else quoted or key for quoted, number, key in steps)


def _at(obj: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a path; None where nothing does, so that it can be put there."""
    for step in path:
        try:
            obj = obj[step]
        except (KeyError, IndexError, TypeError):
            return None
    return obj


def _value(said: str) -> Any:
    """The longest beginning of the words that is a value, read as YAML."""
    for cut in reversed([*_CUT.finditer(said)]):
        written = said[: cut.start()]
        if _VALUE.match(written) and not (written in _PROSE or _FIELD.match(written) or _PLACEHOLDER.search(written)):
            try:
                return yaml.load(written, yaml.CSafeLoader)
            except yaml.YAMLError:
                continue
    return None


def _put(obj: Any, last: str | int, value: Any, *, appended: bool) -> bool:
    """Put a value at a place: `KEY: VALUE` of the place itself or of what stands there, one more of a list, or all."""
    if obj is None:
        return False
    there = obj.get(last) if isinstance(obj, dict) else obj[last]
    if isinstance(value, dict) and len(value) == 1 and last in value:
        obj[last] = value[last]
    elif isinstance(value, dict) and isinstance(there, dict):
        there.update(value)
    elif isinstance(value, dict) and not isinstance(there, (dict, list)) and isinstance(obj, dict):
        obj.update(value)
    elif appended and isinstance(obj, list):
        obj.append(value)
    elif isinstance(there, list) and not isinstance(value, list):
        return False
    else:
        obj[last] = value
    return True
