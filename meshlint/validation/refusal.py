"""What a rule says about the objects that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import Hit

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshlint.rule import Hits
    from meshlint.validation.grammar import Problems
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView

    Validate = Callable[[Manifest], Problems]


def refused(mesh: MeshView, kind: str, validate: Validate) -> Hits:
    """A hit for every reason to refuse an object of the kind, by its spec."""
    for obj in mesh.istio(kind):
        problems = validate(obj)
        if problems:
            # What has the wrong type, or is required and absent, has a finding of its own, and reads as empty here.
            told = {misfit.path[:-1] if misfit.kind == "missing" else misfit.path for misfit in obj.misfits}
            for path, what, mend in problems:
                where = ("spec", *path)
                if where not in told:
                    yield Hit(obj, where, what, mend)


def refused_by_metadata(mesh: MeshView, validate: Validate) -> Hits:
    """A hit for every reason to refuse an object of Istio's by its metadata."""
    for obj in mesh.objects:
        if obj.is_istio:
            for path, what, mend in validate(obj):
                yield Hit(obj, path, what, mend)
