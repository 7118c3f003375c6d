"""Run every rule over a set of objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from meshlint import rules
from meshlint.acceptance import settle
from meshlint.environment import Environment
from meshlint.finding import Finding, NotJudged, Profile, Report, dotted
from meshlint.rule import Hit
from meshlint.view.charts import helm_values
from meshlint.view.gateway_api.not_followed import not_followed
from meshlint.view.mesh import MeshView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from meshlint.finding import Acceptance, Path
    from meshlint.rule import Rule


def run(
    objects: Sequence[Mapping[str, Any]],
    *,
    charts: Mapping[str, Mapping[str, Any]] | None = None,
    today: date,
    accept: Sequence[Acceptance] = (),
    environment: Environment | None = None,
    profile: Profile = Profile.DEFAULT,
) -> Report:
    """Judge plain manifests, ours or anybody's.

    `charts` holds the values of installed charts, by CHART, CHART/RELEASE or CHART/NAMESPACE/RELEASE (base, istiod,
    cni, ztunnel, gateway): `{"istiod": {...}, "gateway/istio-ingress/istio-ingressgateway": {...}}`. Findings carry the
    position of their object in `objects`; charts count on after them, in their order.
    `profile` decides how severe findings are, never whether there is one.
    """
    everything = [*objects, *(helm_values(name, values) for name, values in (charts or {}).items())]
    mesh = MeshView(everything, environment=environment or Environment(), today=today)
    findings: list[Finding] = []
    not_judged: list[NotJudged] = []
    for rule in rules.load().values():
        missing = rule.missing_input(mesh)
        if missing:
            not_judged.append(NotJudged(rule.code, f"there is no {missing} among the objects"))
            continue
        lacking: dict[str, None] = {}
        for hit in rule.check(mesh):
            if isinstance(hit, Hit):
                findings.append(_finding(rule, hit, profile))
            else:
                lacking[f"{hit.obj.key}: there is no {hit.lacking} among the objects"] = None
        not_judged += (NotJudged(rule.code, reason) for reason in lacking)
    settled = settle(findings, not_judged, accept, today=today)
    return replace(settled, not_followed=not_followed(mesh))


def _finding(rule: Rule, hit: Hit, profile: Profile) -> Finding:
    place = dotted(hit.path) or hit.obj.key
    mend = hit.mend
    if mend.startswith(REMOVE):
        mend = f"remove {_whole(hit)}{mend.removeprefix(REMOVE)}"
    return Finding(
        code=rule.code,
        severity=rule.severity_of(hit, profile),
        object=hit.obj.key,
        path=hit.path,
        message=f"{place} {hit.problem}; {mend}{'' if mend.endswith(('?', '.')) else '.'}",
        index=hit.obj.index,
    )


REMOVE = "remove it"


def _whole(hit: Hit) -> str:
    """What to remove: `it`, or what would be left empty without it, which Istio refuses or takes for everything."""
    path = hit.path
    while len(path) > 1 and _entries(hit.obj.body, path[:-1]) == 1:
        path = path[:-1]
    if path == hit.path:
        return "it"
    return dotted(path) if len(path) > 1 else "the object"


def _entries(body: Any, path: Path) -> int:
    """How many a mapping or a list has; 0 where none is."""
    for step in path:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return 0
    return len(cast("Sequence[Any]", body)) if isinstance(body, (list, dict)) else 0
