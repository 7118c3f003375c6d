"""What became of every object of the input, in sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatgpt_mesh.importing.imported import fates, in_rest
from chatgpt_mesh.importing.source import CLUSTER_WRITES, Fate, dotted, leaf_paths
from meshlint import cli_compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.importing.imported import Imported
    from chatgpt_mesh.importing.source import Path, Source
    from meshlint.reachability.compare import Comparison

MOST_PATHS = 4
"""Paths of the declaration that are listed for one object."""

_CONFIDENTIAL = re.compile(r"authorization|cookie|token|secret|password|passwd|api-?key", re.IGNORECASE)
"""Keys whose values are shown to nobody."""

_NAMES = frozenset({"httpCookie", "fromCookies", "fromHeaders"})
"""Istio's fields that hold names of cookies and headers, and no values."""

_CONFIDENTIAL_LENGTH = 4
"""Shorter texts are part of words."""

NOT_SHOWN = "[not shown]"


def text(found: Imported, answers: Comparison, *, verbose: bool = False) -> str:
    """The whole report; what may be a password is not in it. `verbose`: each answer, also where many are alike."""
    count = fates(found)
    lines = [
        f"{sum(count.values())} fields of {len(found.sources)} objects: {count[Fate.CARRIED]} are declared, "
        f"{count[Fate.KEPT]} stay in their objects, {count[Fate.TOLD]} are told below or named with their object."
    ]
    for heading, sentences in (
        ("Declared", _declared(found.sources)),
        ("Assumed, since the input does not say", found.assumed),
        ("Stays as it is, under objects", _kept(found, rest=False)),
        ("Stays as it is, in the file beside the declaration", _kept(found, rest=True)),
        ("Changed, or left behind", _told(found.sources)),
    ):
        if listed := list(dict.fromkeys(sentences)):
            lines += ["", heading, *(f"  {sentence}" for sentence in listed)]
    lines += ["", "What is answered otherwise (the input against the declaration and what stays beside it)", ""]
    told = "\n".join([*lines, cli_compare.text(answers, verbose=verbose), ""])
    for secret in sorted(_confidential(found.sources), key=len, reverse=True):
        told = told.replace(secret, NOT_SHOWN)
    return told


def _declared(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        paths = list(dict.fromkeys(_setting(leaf.to) for leaf in source.leaves.values() if leaf.fate is Fate.CARRIED))
        if paths:
            more = f" and {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else ""
            yield f"{source.key}: {', '.join(paths[:MOST_PATHS])}{more}"


def _told(sources: Iterable[Source]) -> Iterator[str]:
    """Every sentence about the input; what the cluster writes into each object is one."""
    told = [one for source in sources for one in source.told]
    yield from (str(one) for one in told if one.sentence != CLUSTER_WRITES)
    written = [one for one in told if one.sentence == CLUSTER_WRITES]
    if written:
        names = ", ".join(sorted({dotted(one.path) for one in written}))
        count = len({one.object for one in written})
        yield f"{'1 object' if count == 1 else f'{count} objects'}: what the cluster writes is left out ({names})."


def _setting(path: str) -> str:
    """Three levels of a path say which part of a declaration is meant."""
    return ".".join(path.split(".")[:3])


def _kept(found: Imported, *, rest: bool) -> Iterator[str]:
    """Objects by the reason for which they stay."""
    reasons: dict[str, list[str]] = {}
    for source in found.sources:
        if source.kept_as is not None and in_rest(found, source) is rest:
            reasons.setdefault(source.kept_why, []).append(source.key)
    for why, keys in reasons.items():
        yield f"{', '.join(keys)}: {why.removesuffix('.')}."


def _confidential(sources: Iterable[Source]) -> set[str]:
    """Texts below a key that says what they are. Of a Secret, every text."""
    texts = ((source, path, source.at(path)) for source in sources for path in leaf_paths(source.manifest))
    return {
        value
        for source, path, value in texts
        if isinstance(value, str) and len(value) >= _CONFIDENTIAL_LENGTH and _is_confidential(source, path)
    }


def _is_confidential(source: Source, path: Path) -> bool:
    keys = [step for step in path if isinstance(step, str)]
    if source.kind == "Secret":
        return keys[0] in ("data", "stringData")
    if not source.group.endswith(".istio.io") or _NAMES & set(keys):
        return False
    return any(_CONFIDENTIAL.search(key) for key in keys)
