"""The pack as Pulumi runs it: `pulumi preview --policy-pack policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guard_rails import GUARD_RAILS, GuardRail, Planned
from pulumi_policy import EnforcementLevel, PolicyConfigSchema, PolicyPack, ResourceValidationPolicy

if TYPE_CHECKING:
    from collections.abc import Callable


def as_policy(rail: GuardRail) -> Any:
    def validate(args: Any, report: Callable[[str], None]) -> None:
        planned = Planned(args.resource_type, args.props, bool(args.opts.protect))
        for sentence in rail.violations(planned, args.get_config()):
            report(f"{args.name}: {sentence}")

    return ResourceValidationPolicy(
        name=rail.name,
        description=rail.description,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        config_schema=PolicyConfigSchema(properties=dict(rail.settings)) if rail.settings else None,
    )


PolicyPack(name="chatgpt-mesh", policies=[as_policy(rail) for rail in GUARD_RAILS])
