"""The declaration while it is being written: plain values by the names of settings, and what was assumed for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.importing.source import Fate, Manifest, Source, is_below

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.importing.source import Path

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What Istio's routes and policies mean where they name no method, as far as a declaration can name it."""

_GROUPS = frozenset(
    {"load_balancing", "resilience", "pool", "outlier", "hash", "headers", "request", "response", "retries", "cors"}
)
"""Settings that are empty by default."""

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(slots=True)
class Workload:
    """What is known of an app's pods and Service."""

    app: str
    """Name of the app in the declaration."""
    namespace: str
    service: str | None
    labels: Mapping[str, str]
    account: str
    pods: list[Mapping[str, str]] = field(default_factory=list["Mapping[str, str]"])
    """Labels of the pods of each of its Deployments."""


@dataclass(slots=True)
class Subset:
    """A subset of a DestinationRule. It becomes a version where a route leads to it."""

    source: Source
    path: Path
    declared: dict[str, Any]
    fields: dict[Path, str]
    """Fields that `declared` says, with their settings below the version."""
    used: bool = False


@dataclass(slots=True)
class Draft:
    """What is declared so far.

    `domain` is the DNS domain below which a host is assumed where the input has `*`.
    """

    domain: str
    sources: list[Source]
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    assumed: list[str] = field(default_factory=list[str])
    workloads: dict[str, Workload] = field(default_factory=dict[str, Workload])
    """By the app's name."""
    subsets: dict[str, dict[str, Subset]] = field(default_factory=dict[str, "dict[str, Subset]"])
    """Subsets that DestinationRules define, by app and name."""
    hosts: dict[str, str] = field(default_factory=dict[str, str])
    """The app that owns each host at a gateway."""

    @property
    def apps(self) -> dict[str, dict[str, Any]]:
        return self.values.setdefault("apps", {})

    @property
    def gateways(self) -> dict[str, dict[str, Any]]:
        return self.values.setdefault("gateways", {})

    @property
    def allowed(self) -> list[dict[str, Any]]:
        """Destinations outside the mesh."""
        return self.values.setdefault("egress", {}).setdefault("allow", [])

    def of_kind(self, kind: str, group: str) -> list[Source]:
        """Objects that no reader has decided on as a whole."""
        return [one for one in self.undecided if one.kind == kind and one.group == group]

    @property
    def undecided(self) -> list[Source]:
        return [one for one in self.sources if one.kept_as is None and not one.is_decided]

    def assume(self, sentence: str) -> None:
        if sentence not in self.assumed:
            self.assumed.append(sentence)

    def workload_of(self, host: str, namespace: str) -> Workload | None:
        """The app behind the name of a Service, as an object in `namespace` writes it."""
        service, home = service_of(host, namespace)
        return next((w for w in self.workloads.values() if w.service == service and w.namespace == home), None)

    def selected(self, namespace: str, labels: Mapping[str, str]) -> list[Workload]:
        """Apps of a namespace whose pods carry these labels; all of it where there are none."""
        return [
            w for w in self.workloads.values() if w.namespace == namespace and labels.items() <= {**w.labels}.items()
        ]

    def drop(self, path: str, sentence: str) -> str | None:
        """Take a setting out, and tell every field of the input that it came from; the path that was taken.

        None where nothing stands at the path, or above it as far as an app, a gateway or an entry of a list.
        """
        steps = steps_of(path)
        while steps:
            holder, last = self._holder(steps), steps[-1]
            if isinstance(holder, dict) and last in holder:
                del holder[last]
                self._drop_empty(steps[:-1])
                break
            if isinstance(holder, list) and isinstance(last, int) and last < len(cast("list[Any]", holder)):
                break
            steps = steps[:-1]
        if not steps:
            return None
        taken = path_of(steps)
        withdrawn = sum(source.withdraw(taken, sentence) for source in self.sources)
        if not withdrawn and not self._note_above(taken, sentence):
            self.assume(f"{taken} {sentence}.")
        if isinstance(steps[-1], int):
            self._close_gap(steps)
        return taken

    def _drop_empty(self, steps: list[str | int]) -> None:
        """A group of settings of which none is left says nothing."""
        while steps and steps[-1] in _GROUPS:
            holder = self._holder(steps)
            if holder[steps[-1]]:
                return
            del holder[steps[-1]]
            steps = steps[:-1]

    def _note_above(self, path: str, sentence: str) -> bool:
        """Where only a part of what a field says is taken out: the field says the nearest setting above. Whether there
        is one."""
        said = [
            (len(leaf.to), source, at)
            for source in self.sources
            for at, leaf in source.leaves.items()
            if leaf.fate is Fate.CARRIED and is_below(path, leaf.to)
        ]
        nearest = max((length for length, _, _ in said), default=0)
        for length, source, at in said:
            if length == nearest:
                source.note(at, sentence)
        return bool(said)

    def _close_gap(self, steps: list[str | int]) -> None:
        entries, index = cast("list[Any]", self._holder(steps)), cast("int", steps[-1])
        del entries[index]
        for later in range(index, len(entries)):
            was, now = path_of([*steps[:-1], later + 1]), path_of([*steps[:-1], later])
            for source in self.sources:
                source.moved(was, now)

    def _holder(self, steps: list[str | int]) -> Any:
        found: Any = self.values
        for step in steps[:-1]:
            if isinstance(found, dict):
                found = cast("Manifest", found).get(str(step))
            elif isinstance(found, list) and isinstance(step, int) and step < len(cast("list[Any]", found)):
                found = cast("list[Any]", found)[step]
            else:
                return None
        return found


def steps_of(path: str) -> list[str | int]:
    """`apps.weather.routes[0].prefix`, or `.0.` in place of `[0].`, as keys and positions."""
    return [int(position or key) if position or key.isdecimal() else key for position, key in _STEP.findall(path)]


def path_of(steps: list[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def service_of(host: str, namespace: str) -> tuple[str, str]:
    """Name and namespace of a Service, as Istio reads a host in a namespace; ("", "") for a host outside."""
    name, _, rest = host.removesuffix(".cluster.local").removesuffix(".svc").partition(".")
    if not rest:
        return name, namespace
    return (name, rest) if "." not in rest and (host != f"{name}.{rest}" or rest not in _TLDS) else ("", "")


_TLDS = frozenset({"com", "org", "net", "io", "dev", "app", "example"})
"""Ends of two-part names that are hosts of the internet and no `SERVICE.NAMESPACE`."""
