"""What the written declaration answers otherwise than the objects that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.components.implied import implied_objects
from chatgpt_mesh.importing.source import Manifest, as_mapping
from meshlint.reachability.compare import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.importing.imported import Imported


def compared(found: Imported) -> Comparison:
    """Both asked the same requests: the input as it is, and the declaration with what stays beside it.

    Gateways' pods, and workloads that the input does not show, are taken to be the same on both sides. Secrets are
    read on neither.
    """
    version = found.version
    before = [source.wanted for source in found.sources if source.kind != "Secret" and not source.is_replaced]
    beside = _without(found.rest, version.objects)
    now = [*version.objects, *beside]
    shown = list(implied_objects(version.mesh, version.settings.istio.injects))
    charts = [one for one in version.surroundings if one.get("kind") == "HelmValues"]
    return compare(
        version.seen([*before, *_without(shown, before)]),
        version.seen([*now, *_without(shown, now), *charts]),
    )


def _without(objects: Iterable[Manifest], known: Iterable[Manifest]) -> list[Manifest]:
    """The objects of which `known` has none of the same key."""
    keys = {_key(one) for one in known}
    return [one for one in objects if _key(one) not in keys]


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = as_mapping(manifest.get("metadata"))
    return str(manifest.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name", ""))
