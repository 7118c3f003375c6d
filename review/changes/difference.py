"""Two versions of a stack, and everything in which they differ, as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.review.changes.access import Names, access, shares
from chatgpt_mesh.review.changes.declared import differences, is_below
from chatgpt_mesh.review.changes.meaning import callers_of_one, meanings
from chatgpt_mesh.review.changes.sentence import Sentence, Topic
from chatgpt_mesh.review.changes.upheaval import drains, restarts
from meshlint.reachability.compare import Comparison, compare
from meshlint.reachability.settings import differences as object_differences

if TYPE_CHECKING:
    from chatgpt_mesh.review.version import Version
    from meshlint.view.mesh import MeshView


@dataclass(frozen=True, slots=True)
class Changes:
    """The sentences by topic, what is opened first in each, and what they stand on."""

    before: str
    now: str
    sentences: tuple[Sentence, ...]
    questions: int
    """Requests that both were asked."""

    def of(self, topic: Topic) -> list[Sentence]:
        return [sentence for sentence in self.sentences if sentence.topic is topic]


def names_of(*versions: Version) -> Names:
    apps: dict[str, str] = {}
    callers: dict[str, str] = {}
    for version in versions:
        for name, app in version.settings.apps.items():
            apps[app.service_host] = name
            callers[f"{app.namespace}/{app.identity_name}"] = name
        for name, gateway in version.mesh.gateways.items():
            callers[f"{gateway.home}/{gateway.service_account}"] = f"gateway {name}"
    return Names(apps, callers)


def between(before: Version, now: Version) -> Changes:
    """Every setting that differs is told: by what it means, by who notices it, or by its path."""
    found = compare(before.view, now.view)
    names = names_of(before, now)
    told = list(access(found, names, callers_of_one(before.settings, now.settings, names.callers)))
    told += [*shares(found, names), *meanings(before.settings, now.settings)]
    told += drains(before, now, object_differences(before.view, now.view))
    told += restarts(before, now)
    paths = [path for sentence in told for path in sentence.tells]
    told += [one.told() for one in differences(before.settings, now.settings) if not is_below(one.path, paths)]
    return _ordered(before.name, now.name, told, found)


def of_objects(before: MeshView, now: MeshView, *, before_name: str, now_name: str, names: Names) -> Changes:
    """Two sets of objects without a declaration: answers, shares, and what differs in the objects beside."""
    found = compare(before, now)
    told = [*access(found, names), *shares(found, names)]
    told += [Sentence(Topic.SETTINGS, str(one)) for one in found.settings]
    return _ordered(before_name, now_name, told, found)


def _ordered(before: str, now: str, told: list[Sentence], found: Comparison) -> Changes:
    topics = list(Topic)
    unique = dict.fromkeys(told)
    ordered = sorted(unique, key=lambda sentence: (topics.index(sentence.topic), not sentence.opens))
    return Changes(before, now, tuple(ordered), found.questions)
