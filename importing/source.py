"""One object of the input, and what becomes of each of its fields.

A field is a leaf of the object: a value that is no mapping and no list (or an empty one). Each ends in exactly one
`Fate`; a field that no reader of this package knows is told as such, so that nothing is lost in silence.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs.scalar import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""Keys and positions from the root of an object to a field."""

Manifest = dict[str, Any]


class Fate(Enum):
    """What becomes of a field."""

    CARRIED = "carried"
    """The declaration says it, at the path of `Leaf.to`."""
    KEPT = "kept"
    """It stays in the object, under `objects` of the declaration or in the file beside it."""
    TOLD = "told"
    """It is nowhere any more, and `Leaf.to` is the sentence that says so."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The fate of one field."""

    fate: Fate
    to: str


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence about a part of an object."""

    object: str
    path: Path
    value: object
    sentence: str

    def __str__(self) -> str:
        where = f" {dotted(self.path)}" if self.path else ""
        shown = "" if self.value is None else f" ({shortened(json.dumps(self.value, default=str))})"
        return f"{self.object}{where}{shown}: {self.sentence}"


_TYPE = frozenset({"apiVersion", "kind"})
"""Keys that say what an object is, not what it wants."""

_NAMED = (("metadata", "name"), ("metadata", "namespace"))
"""Fields that every sentence about the object names."""

_CLUSTERS = (
    ("status",),
    *(("metadata", key) for key in ("creationTimestamp", "deletionTimestamp", "generation", "managedFields")),
    *(("metadata", key) for key in ("resourceVersion", "selfLink", "uid")),
    ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
)
"""Where the cluster and kubectl write, and nobody else."""

CLUSTER_WRITES = "is written by the cluster, and left out"

NO_WORD = "no declaration has a word for it; it is left behind"


@dataclass(slots=True, eq=False)
class Source:
    """An object of the input. `manifest` has the namespace that it is taken for."""

    manifest: Manifest
    leaves: dict[Path, Leaf] = field(default_factory=dict[Path, Leaf])
    told: list[Told] = field(default_factory=list[Told])
    kept_as: Manifest | None = None
    """What of it stays as an object."""
    kept_why: str = ""
    is_replaced: bool = False
    """Whether another manifest of the same object holds in its place."""
    is_decided: bool = False
    """Whether all of it has been told, so that no reader has anything to find."""

    def __post_init__(self) -> None:
        for path in _CLUSTERS:
            if self._has(path):
                self.say(path, CLUSTER_WRITES, show=False)

    @property
    def wanted(self) -> Manifest:
        """The object without what the cluster writes into it."""
        wanted = copy.deepcopy(self.manifest)
        for *above, last in _CLUSTERS:
            holder: Any = wanted
            for step in above:
                holder = as_mapping(holder).get(step)
            if isinstance(holder, dict):
                cast("Manifest", holder).pop(last, None)
        if as_mapping(wanted.get("metadata")).get("annotations") == {} != self.manifest["metadata"]["annotations"]:
            del wanted["metadata"]["annotations"]
        return wanted

    @property
    def kind(self) -> str:
        return str(self.manifest.get("kind", ""))

    @property
    def group(self) -> str:
        """The API group, empty for Kubernetes' core."""
        version = str(self.manifest.get("apiVersion", ""))
        return version.rpartition("/")[0]

    @property
    def name(self) -> str:
        return str(as_mapping(self.manifest.get("metadata")).get("name", ""))

    @property
    def namespace(self) -> str:
        return str(as_mapping(self.manifest.get("metadata")).get("namespace", ""))

    @property
    def key(self) -> str:
        """KIND/NAMESPACE/NAME, as `python -m mesh show` names objects; without the namespace where there is none."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def spec(self) -> Mapping[str, Any]:
        return as_mapping(self.manifest.get("spec"))

    @property
    def is_read(self) -> bool:
        """Whether a reader has found something in it."""
        return any(leaf.to != CLUSTER_WRITES for leaf in self.leaves.values())

    def carry(self, path: Path, to: str) -> None:
        """The declaration says this field, if it is there, and all below it, at `to`."""
        if self._has(path):
            self._mark(path, Leaf(Fate.CARRIED, to))

    def say(self, path: Path, sentence: str, *, show: bool = True) -> None:
        """This field, and all below it, is nowhere any more. Overrides what was carried or kept of it."""
        value = self.at(path) if path and show else None
        self.is_decided |= not path
        self.told.append(Told(self.key, path, value, sentence))
        self._mark(path, Leaf(Fate.TOLD, sentence), again=True)

    def note(self, path: Path, sentence: str) -> None:
        """A sentence about what is carried, and not quite as it was."""
        self.told.append(Told(self.key, path, self.at(path) if path else None, sentence))

    def keep(self, why: str, part: Manifest | None = None) -> None:
        """It stays an object; `part` where only some of it does, whose fields have been marked by `keep_field`."""
        self.kept_as = self.wanted if part is None else copy.deepcopy(part)
        self.kept_why = why
        if part is None:
            self._mark((), Leaf(Fate.KEPT, why))

    def keep_field(self, path: Path) -> None:
        self._mark(path, Leaf(Fate.KEPT, ""))

    def withdraw(self, path: str, sentence: str) -> int:
        """What was carried to `path` of the declaration, or below, has been taken out of it again; how many fields."""
        gone = [at for at, leaf in self.leaves.items() if leaf.fate is Fate.CARRIED and is_below(leaf.to, path)]
        for at in gone:
            self.say(at, sentence)
        return len(gone)

    def moved(self, path: str, to: str) -> None:
        """`path` of the declaration, an entry of a list, has another position now."""
        for at, leaf in self.leaves.items():
            if leaf.fate is Fate.CARRIED and is_below(leaf.to, path):
                self.leaves[at] = Leaf(Fate.CARRIED, to + leaf.to[len(path) :])

    def settle(self) -> None:
        """Tell every field that nobody has read, at the highest place where all below it is unread."""
        for path in _NAMED:
            self.leaves.setdefault(path, Leaf(Fate.TOLD, "named by every sentence about the object"))
        unread = [path for path in leaf_paths(self.manifest) if path not in self.leaves]
        for path in self._highest(unread):
            self.say(path, NO_WORD)

    def at(self, path: Path) -> Any:
        found: Any = self.manifest
        for step in path:
            found = found[step]
        return found

    def _has(self, path: Path) -> bool:
        try:
            self.at(path)
        except (KeyError, IndexError, TypeError):
            return False
        return True

    def _mark(self, path: Path, leaf: Leaf, *, again: bool = False) -> None:
        for below in leaf_paths(self.at(path), path):
            if again or below not in self.leaves:
                self.leaves[below] = leaf

    def _highest(self, unread: list[Path]) -> list[Path]:
        """The shortest paths below which everything is unread."""
        found: dict[Path, None] = {}
        missing = set(unread)
        for path in unread:
            for length in range(1, len(path) + 1):
                if all(below in missing for below in leaf_paths(self.at(path[:length]), path[:length])):
                    found[path[:length]] = None
                    break
        return list(found)


def leaf_paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every leaf below a value; what an object's type says is none."""
    if isinstance(value, dict) and value:
        for key, inner in cast("Manifest", value).items():
            if at or key not in _TYPE:
                yield from leaf_paths(inner, (*at, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from leaf_paths(inner, (*at, index))
    elif at:
        yield at


def is_below(path: str, above: str) -> bool:
    """Whether a path of the declaration is another or below it."""
    return path == above or path.startswith((f"{above}.", f"{above}["))


def dotted(path: Path) -> str:
    """`spec.http[0].route`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def as_mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def texts(value: object) -> dict[str, str]:
    """A mapping of texts, such as labels."""
    return {str(key): str(inner) for key, inner in as_mapping(value).items()}
