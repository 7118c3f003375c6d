"""What a controller that moves the weights cannot carry: Argo Rollouts and Flagger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.declared import listed
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

STABLE, CANARY = "stable", "canary"
"""Subsets of Argo Rollouts, which are roles: a version that is promoted takes over the first."""

FLAGGERS_LABELS = ("app", "name", "app.kubernetes.io/name")
"""By the first of these that a Deployment selects by, Flagger tells its copy from it (its `--selector-labels`)."""


def role_problems(app: str, stable: str, canary: str, labels: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Argo Rollouts makes each new version the canary and then the stable one. `labels`: those of every version."""
    for name, own in labels.items():
        at = f"{app}.versions.{name}"
        if name in (stable, canary):
            if own:
                yield Problem(
                    f"{at}.labels",
                    "select pods that argo-rollouts tells apart by a hash of its own, and would select none after the "
                    "first promotion; remove them",
                )
        elif name in (STABLE, CANARY):
            yield Problem(
                at, f"has the name of a subset that argo-rollouts moves between {stable} and {canary}; rename it"
            )


def flagger_problems(path: str, declared: Sequence[str], *, routes: bool) -> Iterator[Problem]:
    """`declared`: fields of the rollout that decide about routes; `routes`: the app has further paths."""
    for name in declared:
        yield Problem(
            f"{path}.{name}", "flagger decides the routes; declare it in flagger's Canary object, and remove it here"
        )
    if routes:
        yield Problem(
            f"{path}.managed_by",
            "flagger makes the only VirtualService of this host, so routes cannot be kept; remove them, "
            "or manage weights here",
        )


FLAGGERS_FIELDS = {
    "cors": "corsPolicy",
    "faults": "",
    "load_balancing": "trafficPolicy",
    "resilience": "retries and trafficPolicy",
}
"""Fields of an app that its routes and rules carry, and where Flagger's `spec.service` has them."""


def flagger_warnings(
    path: str, labels: Mapping[str, str], declared: Collection[str], *, authenticated: bool, sessions: bool
) -> Iterator[Problem]:
    """What an app gives up. `labels`: by which policies select its pods; `declared`: the app's fields that somebody
    has written; `sessions`: its MCP endpoint keeps some."""
    at = f"{path}.managed_by"
    for field in sorted(FLAGGERS_FIELDS.keys() & declared):
        place = FLAGGERS_FIELDS[field]
        there = f"write it into spec.service of its Canary ({place})" if place else "it has no place for it"
        yield Problem(
            f"{path.removesuffix('.rollout')}.{field}",
            f"does nothing here: flagger makes the routes and rules of this app, and {there}",
        )
    if sessions:
        yield Problem(
            at,
            "flagger makes the routes of this host, and its routes keep no MCP sessions: each request may meet another "
            "pod or version; say mcp.stateless: true where the server keeps nothing, or let the stack or argo-rollouts "
            "move the weights",
            "flagger",
        )
    if authenticated:
        yield Problem(
            at,
            "flagger makes the routes of this host, and its routes answer no 401: a request without a good token gets "
            "a bare 403, and an MCP client does not learn where to log in; let the stack or argo-rollouts move the "
            "weights where clients log in by themselves",
            "flagger",
        )
    if rewritten := [label for label in FLAGGERS_LABELS if label in labels]:
        yield Problem(
            at,
            "flagger serves from a copy of the Deployment, in which the label that this selects by ends in -primary; "
            f"with {listed(rewritten)} the policies of this stack may miss the copy, and let nobody in. Give the app's "
            "labels and its pods one that flagger leaves alone, such as labels: {mesh-app: NAME}",
            "flagger",
        )
