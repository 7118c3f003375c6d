"""Versions of an app, and how a route divides traffic between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chatgpt_mesh.importing.source import Source, as_list, as_mapping
from chatgpt_mesh.importing.workloads import from_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chatgpt_mesh.importing.draft import Draft, Workload
    from chatgpt_mesh.importing.source import Path


class Leg(NamedTuple):
    """One destination of a route."""

    path: Path
    workload: Workload
    subset: str | None
    weight: int


def legs(draft: Draft, source: Source, at: Path) -> list[Leg]:
    """The destinations of the route at `at` that are apps, with their shares."""
    found: list[Leg] = []
    listed = as_list(as_mapping(source.at(at)).get("route"))
    for index, entry in enumerate(listed):
        destination = as_mapping(as_mapping(entry).get("destination"))
        port = as_mapping(destination.get("port")).get("number")
        workload = from_reference(draft, str(destination.get("host", "")), source.namespace, port)
        if workload is not None and workload.service is not None:
            weight = int(as_mapping(entry).get("weight", 0)) or (100 if len(listed) == 1 else 0)
            found.append(Leg((*at, "route", index), workload, destination.get("subset"), weight))
    return found


def divide(draft: Draft, source: Source, found: list[Leg], tell: Callable[[Path, str], None]) -> Workload:
    """Make the shares of a route those of its app; the app that gets most where there are several."""
    most = max(found, key=lambda leg: leg.weight)
    app = most.workload.app
    own = [leg for leg in found if leg.workload is most.workload]
    for leg in found:
        if leg.workload is not most.workload:
            tell(leg.path, f"a route leads to one app; all of it goes to {app}")
    subsets = [leg for leg in own if leg.subset is not None]
    declared = _rollout(draft, source, app, subsets) if subsets and len(subsets) == len(own) else None
    rollout = draft.apps[app].get("rollout")
    if declared is not None and rollout is None:
        draft.apps[app]["rollout"] = rollout = declared
    for leg in own:
        _carry_leg(draft, source, leg, same=rollout == declared, tell=tell)
    return most.workload


def version(draft: Draft, app: str, subset: str) -> str:
    """The version that a subset becomes; its name."""
    versions: dict[str, Any] = draft.apps[app].setdefault("versions", {})
    if subset not in versions:
        known = draft.subsets.get(app, {}).get(subset)
        versions[subset] = {} if known is None else known.declared
        if known is not None:
            known.used = True
        else:
            draft.assume(
                f"apps.{app}.versions.{subset}: no DestinationRule defines the subset; its pods are taken to carry "
                f"version={subset}."
            )
    return subset


def _rollout(draft: Draft, source: Source, app: str, subsets: list[Leg]) -> dict[str, Any] | None:
    ordered = sorted(subsets, key=lambda leg: -leg.weight)
    for leg in ordered[2:]:
        source.say(leg.path, "a rollout has two versions, the stable one and the canary; this share goes to the stable")
    stable, *others = ordered
    declared: dict[str, Any] = {"stable": version(draft, app, str(stable.subset))}
    canary = others[0] if others else None
    if canary is not None and canary.weight and canary.subset != stable.subset:
        total = sum(leg.weight for leg in subsets)
        named = version(draft, app, str(canary.subset))
        declared["canary"] = {"version": named, "percent": round(100 * canary.weight / total)}
        if 100 * canary.weight % total:
            source.note(canary.path, f"{canary.weight} of {total} is no whole percent; it is rounded")
    return declared


def _carry_leg(draft: Draft, source: Source, leg: Leg, *, same: bool, tell: Callable[[Path, str], None]) -> None:
    app, at = leg.workload.app, (*leg.path, "destination")
    destination = as_mapping(source.at(at))
    if not same and leg.subset is None:
        source.note(at, f"names no subset; what apps.{app}.rollout says holds on every way to the app")
    elif not same:
        tell(leg.path, f"apps.{app}.rollout has the shares of another route, and they hold on every way to the app")
        return
    source.carry((*at, "host"), f"apps.{app}.service")
    if "subset" in destination:
        source.carry((*at, "subset"), f"apps.{app}.rollout")
    if "weight" in as_mapping(source.at(leg.path)):
        if "rollout" in draft.apps[app] and leg.subset is not None:
            source.carry((*leg.path, "weight"), f"apps.{app}.rollout")
        else:
            source.say((*leg.path, "weight"), "no version is named, so the app's pods take all of it")
    carry_port(draft, source, at, app)


def carry_port(draft: Draft, source: Source, at: Path, app: str) -> None:
    """The port of a destination, which is that of the app's Service."""
    number = as_mapping(as_mapping(source.at(at)).get("port")).get("number")
    declared: Mapping[str, Any] = as_mapping(draft.apps[app].get("service"))
    if number is None:
        return
    if number == declared.get("port"):
        source.carry((*at, "port", "number"), f"apps.{app}.service.port")
    else:
        source.say((*at, "port"), f"routes lead to the port of apps.{app}.service, {declared.get('port')}")


def pinned(match: Mapping[str, Any]) -> tuple[str, str] | None:
    """The header and value that a match asks for, where it asks for nothing else."""
    headers = as_mapping(match.get("headers"))
    if len(headers) != 1 or set(match) - {"headers", "name"}:
        return None
    ((header, said),) = headers.items()
    exact = as_mapping(said).get("exact")
    return (header.lower(), exact) if isinstance(exact, str) and set(as_mapping(said)) == {"exact"} else None
