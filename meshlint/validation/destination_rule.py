"""What Istio takes as a DestinationRule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, problem
from meshlint.validation.selection import export_to, selector
from meshlint.validation.traffic_policy import POLICY
from meshlint.validation.values import dns_label, host_pattern, labels

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

CONFIG_MAP = "configmap://"


def _names_once(value: list[Json]) -> Problems:
    found = NONE
    seen: set[str] = set()
    for position, subset in enumerate(value):
        name = subset.get("name", "")
        if name in seen:
            what = f"is {name!r}, which another subset of this rule has too"
            found += problem(what, "name each subset once", position, "name")
        seen.add(name)
    return found


_SPEC = Message(
    {
        "host": host_pattern,
        "trafficPolicy": POLICY,
        "subsets": each(Message({"name": dns_label, "labels": labels, "trafficPolicy": POLICY}), _names_once),
        "workloadSelector": selector("matchLabels"),
    }
)


def _exported(obj: Manifest) -> Problems:
    names: list[str] = obj.spec.get("exportTo", [])
    found = export_to(obj.namespace, names)
    if "workloadSelector" in obj.spec and names and not found:
        beyond = [name for name in names if name not in (".", obj.namespace)]
        if beyond:
            what = f"leaves the namespace ({', '.join(beyond)}), and a rule with a workloadSelector cannot"
            found = problem(what, 'write exportTo: ["."]')
    return found


def _config_maps(obj: Manifest) -> Problems:
    """A certificate of a ConfigMap has to be in the rule's own namespace."""
    found = NONE
    policies = [((), obj.spec), *((("subsets", at), one) for at, one in enumerate(obj.spec.get("subsets", ())))]
    for path, owner in policies:
        policy: Json = owner.get("trafficPolicy", {})
        places = [
            ((), policy),
            *((("portLevelSettings", at), one) for at, one in enumerate(policy.get("portLevelSettings", ()))),
        ]
        for inner, place in places:
            name: str = place.get("tls", {}).get("credentialName", "")
            if not name.startswith(CONFIG_MAP):
                continue
            namespace, _, rest = name.removeprefix(CONFIG_MAP).partition("/")
            if namespace != obj.namespace or not rest.partition("/")[0]:
                where = (*path, "trafficPolicy", *inner, "tls", "credentialName")
                mend = f"write {CONFIG_MAP}{obj.namespace}/NAME"
                found += problem(f"is {name!r}, no ConfigMap of this namespace", mend, *where)
    return found


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this DestinationRule, by its place in the spec."""
    found = _SPEC(obj.spec)
    if "exportTo" in obj.spec:
        found += below("exportTo", _exported(obj))
    return found + _config_maps(obj)
