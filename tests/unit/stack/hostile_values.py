"""Every leaf of a stack with every hostile value, judged by the whole path as `__main__.py` goes it.

`python -m tests.unit.stack.hostile_values` writes what is accepted into `accepted_values.yaml`, for a reviewer to read:
a value there is one that somebody has looked at and found harmless.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.stack import core_schema, settings, stack_files
from tests.surroundings import ROOT

TODAY = date(2026, 11, 24)
STACKS = ROOT / "tests" / "fixtures" / "every_leaf.yaml"
ACCEPTED = Path(__file__).with_name("accepted_values.yaml")

Step = str | int
Place = tuple[Step, ...]

VALUES: dict[str, Any] = {
    "empty text": "",
    "a blank": " ",
    "blanks around": " a ",
    "two lines": "a\nb",
    "line at the end": "a\n",
    "tab": "a\tb",
    "NUL": "a\0b",
    "escape": "\x1b[31m",
    "surrogate": "\ud800",
    "emoji": "😀",
    "umlaut": "ü",
    "line separator": "a\u2028b",
    "other direction": "\u202eabc",
    "opening bracket": "[",
    "[secret]": "[secret]",
    "{": "{",
    "{}text": "{}",
    "star": "*",
    "star dot": "*.",
    "star at the end": "a*",
    "dots": "..",
    "slash": "/",
    "up": "/../x",
    "twice slash": "//",
    "%": "%",
    "50%": "50%",
    "%FOO%": "%FOO%",
    "%REQ%": "%REQ%",
    "dollar": "${HOME}x",
    "unset variable": "$NO_SUCH_VARIABLE",
    "template": "{{ .Values.x }}",
    "quote": '"',
    "apostrophe": "'",
    "backslash": "\\",
    "comma": "a,b",
    "semicolon": "a;b",
    "colon": "a: b",
    "hash": "# a",
    "two words": "a b",
    "upper case": "A",
    "underscore": "_",
    "dash": "-",
    "64 letters": "a" * 64,
    "long": "a" * 300,
    "very long": "a" * 70000,
    "regular expression": "(a+)+$",
    "html": "<script>",
    "0 as text": "0",
    "-1 as text": "-1",
    "number as text": "8080",
    "99999": "99999",
    "1e9 as text": "1e9",
    "on": "on",
    "no": "no",
    "null as text": "null",
    "date": "2026-11-25",
    "day that is not": "2027-02-30",
    "years away": "9999-12-31",
    "long ago": "0001-01-01",
    "no time": "0s",
    "too long a time": "999999h",
    "half a millisecond": "0.5ms",
    "endless time": "9999999999999999999h",
    "lots": "lots",
    "negative quantity": "-5m",
    "thousandth": "512m",
    "everywhere": "0.0.0.0/0",
    "everywhere in IPv6": "::/0",
    "address": "127.0.0.1",
    "host": "a..b",
    "port": "https://x.example:99999",
    "user": "https://u:p@x.example",
    "javascript": "javascript:alert(1)",
    "default": "default",
    "kube-system": "kube-system",
    "istio-system": "istio-system",
    "cluster.local": "cluster.local",
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "1.5": 1.5,
    "2**31": 2**31,
    "2**32": 2**32,
    "2**63": 2**63,
    "10**30": 10**30,
    "1e308": 1e308,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "null": None,
    "empty list": [],
    "empty mapping": {},
    "list of empty text": [""],
    "list of null": [None],
    "nested lists": [[[[]]]],
    "mapping": {"a": "b"},
    "secure": {"secure": "v1:abc"},
    "kind": {"kind": "gke"},
    "deep": None,
}
for _ in range(100):
    VALUES["deep"] = [VALUES["deep"]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place of one of the stacks: a value, or with `key` the name of an entry."""

    stack: int
    place: Place
    key: bool = False

    def __str__(self) -> str:
        path = ".".join(map(str, self.place))
        return f"key of {path}" if self.key else path


@cache
def stacks() -> tuple[dict[str, Any], ...]:
    base, *further = yaml.load_all(STACKS.read_text(encoding="utf-8"), core_schema.PlainLoader)
    return base, *(stack_files.merge(base, change) for change in further)


@cache
def leaves() -> tuple[Leaf, ...]:
    """Every place of every stack, once: where several stacks have it, the first."""
    found: dict[tuple[Place, bool], Leaf] = {}
    for index, stack in enumerate(stacks()):
        for place, named in _places(stack, ()):
            found.setdefault((place, False), Leaf(index, place))
            if named:
                found.setdefault((place, True), Leaf(index, place, key=True))
    return tuple(found.values())


def _places(value: Any, place: Place) -> Iterator[tuple[Place, bool]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*place, key), len(place) > 0
            yield from _places(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*place, index), False
            yield from _places(item, (*place, index))


_CONTAINERS = ("[secret]", "%FOO%", "0 as text", "on")
_FIELDS = ("empty text", "[secret]", "two lines")


def pairs() -> list[tuple[Leaf, str]]:
    """What is tried where: everything at a leaf and at a name, less where most could only be the wrong type."""
    texts = [name for name, value in VALUES.items() if isinstance(value, str)]
    others = [name for name, value in VALUES.items() if not isinstance(value, str)]
    tried: list[tuple[Leaf, str]] = []
    for leaf in leaves():
        if leaf.key:
            names = list(_FIELDS) if leaf.place[-1] in _field_names() else texts
        elif isinstance(_at(leaf), (dict, list)):
            names = [*_CONTAINERS, *others]
        elif isinstance(leaf.place[-1], int) and leaf.place[-1] > 0:
            continue  # of the type of the first
        else:
            names = list(VALUES)
        tried += [(leaf, name) for name in names]
    return tried


@cache
def _field_names() -> frozenset[str]:
    """Keys of the specs, as opposed to names that people give."""
    schema = settings.Settings.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))


def _at(leaf: Leaf) -> Any:
    here: Any = stacks()[leaf.stack]
    for step in leaf.place:
        here = here[step]
    return here


def with_value(leaf: Leaf, value: Any) -> dict[str, Any]:
    stack = copy.deepcopy(stacks()[leaf.stack])
    here: Any = stack
    for step in leaf.place[:-1]:
        here = here[step]
    if leaf.key:
        kept = {value if key == leaf.place[-1] else key: item for key, item in here.items()}
        here.clear()
        here.update(kept)
    else:
        here[leaf.place[-1]] = value
    return stack


def judge(stack: dict[str, Any], directory: Path) -> list[Problem]:
    """The mistakes of a stack, those of the linter included; nothing is caught that the program would not catch."""
    path = directory / "Pulumi.test.yaml"
    document = {"config": {f"{stack_files.PACKAGE}:{name}": value for name, value in stack.items()}}
    path.write_text(as_yaml(document), encoding="utf-8")
    try:
        loaded = settings.load_stack(path, TODAY)
        mesh = Mesh(loaded, TODAY)
        charts = checked.charts_of(loaded.istio, loaded.cluster, mesh, mesh_config(mesh), loaded.platform)
        injection = loaded.istio.injects
        errors, warnings = checked.judged(mesh, charts, injection, accept=loaded.accept, today=TODAY)
        _ = [str(warning) for warning in (*mesh.warnings, *loaded.warnings(TODAY), *warnings)]
    except InvalidConfig as mistakes:
        return list(mistakes.problems)
    return errors


_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NO_JSON = re.compile(r"(?<=[ \[])(-?)(?:(NaN)|Infinity)(?=[,}\]])")


def as_yaml(value: Any) -> str:
    """JSON, which is YAML too, with what YAML writes otherwise; PyYAML's own writer stumbles over surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    text = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return _NO_JSON.sub(lambda found: ".nan" if found[2] else f"{found[1]}.inf", text)


def accepted() -> dict[str, list[str]]:
    """What the committed list says, by leaf."""
    return yaml.safe_load(ACCEPTED.read_text(encoding="utf-8")) or {}


@dataclass(slots=True)
class Swept:
    """What became of some pairs of a leaf and a value."""

    taken: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    elsewhere: dict[str, str] = field(default_factory=dict[str, str])
    """Refused, but at paths that neither name the leaf nor what it is in: the pair, and the first sentence."""
    failed: list[str] = field(default_factory=list[str])


def sweep(part: Sequence[tuple[Leaf, str]]) -> Swept:
    swept = Swept()
    with tempfile.TemporaryDirectory() as directory:
        # A project of its own: nothing here may read the repository's stacks.
        Path(directory, "Pulumi.yaml").write_text("name: test\nruntime: python\n", encoding="utf-8")
        for leaf, name in part:
            try:
                found = judge(with_value(leaf, VALUES[name]), Path(directory))
            except Exception as error:
                swept.failed.append(f"{leaf} = {name} (stack {leaf.stack}): {error!r}"[:400])
                continue
            if not found:
                swept.taken.setdefault(str(leaf), []).append(name)
            elif not any(_about(problem.path, leaf) for problem in found):
                swept.elsewhere[f"{leaf} = {name}"] = str(found[0])[:300]
    return swept


def _about(path: str, leaf: Leaf) -> bool:
    """Whether a sentence's path is that of a leaf, of what it is in, or of what is in it."""
    told = re.sub(r"\[(\d+)\]", r".\1", path.partition(": ")[0])
    here = ".".join(map(str, leaf.place[:-1] if leaf.key else leaf.place))
    return f"{told}.".startswith(f"{here}.") or f"{here}.".startswith(f"{told}.")


def main() -> int:
    """Sweeps all pairs and writes what was accepted. With `--listed`, only those that the list has: after a change that
    refuses more and accepts nothing new."""
    whole = pairs()
    if "--listed" in sys.argv[1:]:
        before = {leaf: frozenset(names) for leaf, names in accepted().items()}
        whole = [(leaf, name) for leaf, name in whole if name in before.get(str(leaf), ())]
    parts = [whole[start : start + 100] for start in range(0, len(whole), 100)]
    found: dict[str, list[str]] = {}
    failures: list[str] = []
    elsewhere: dict[str, str] = {}
    with ProcessPoolExecutor(2) as pool:
        for done, swept in enumerate(pool.map(sweep, parts), start=1):
            print(f"{done} of {len(parts)}", file=sys.stderr, end="\r", flush=True)
            failures += swept.failed
            elsewhere |= swept.elsewhere
            for leaf, names in swept.taken.items():
                found.setdefault(leaf, []).extend(names)
    header = "# Made by `python -m tests.unit.stack.hostile_values`: hostile values that a stack may have, by leaf.\n"
    text = yaml.safe_dump(found, sort_keys=False, width=118, default_flow_style=None, allow_unicode=True)
    ACCEPTED.write_text(header + text, encoding="utf-8")
    count = sum(map(len, found.values()))
    print(f"{len(leaves())} leaves, {len(VALUES)} values, {len(whole)} pairs: ", end="")
    print(f"{count} accepted, {len(whole) - count - len(failures)} refused, {len(failures)} tracebacks")
    print(f"{len(elsewhere)} told at other paths")
    print("\n".join([*failures, *(f"{pair}: {sentence}" for pair, sentence in elsewhere.items())]), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
