"""Says in a preview, and again in an `up`, what an edit does to streams and sessions that are open.

Only the engine knows what was there before, and it tells it to hooks of an update. What is deleted is not told: with a
hook of a deletion `pulumi destroy` would need the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from chatgpt_mesh.mesh.objects import under_way
from chatgpt_mesh.mesh.specs.spec import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.mesh.build import Mesh


class Foretelling:
    """Each sentence once."""

    def __init__(self, mesh: Mesh) -> None:
        self._sidecars = mesh.drain_duration
        self._gateways = {spec.home: mesh.gateway_drain_duration(name) for name, spec in mesh.gateways.items()}
        self._told: set[object] = set()

    def before_update(self) -> pulumi.ResourceHook:
        def tell(args: pulumi.ResourceHookArgs) -> None:
            if args.old_inputs is not None and args.new_inputs is not None:
                self._tell(args.name, args.old_inputs, args.new_inputs)

        options = pulumi.ResourceHookOptions(on_dry_run=True)
        return pulumi.ResourceHook("tells-what-is-under-way", tell, options)

    def _tell(self, key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        proxies = under_way.drained(before, after)
        if proxies is not None and proxies not in self._told:
            self._told.add(proxies)
            span = duration_text(self._gateways.get(proxies.namespace, self._sidecars))
            pulumi.log.warn(
                f"{key}: {proxies} take this change as a new listener; streams that are open there go on for {span} "
                "and are cut then"
            )
        for sentence in under_way.ended_sessions(before, after):
            if sentence not in self._told:
                self._told.add(sentence)
                pulumi.log.warn(sentence)
