"""A team's stack file as an ordinary one: what it does not say, since the platform's stack decides it, is read there.

The platform's outputs become gateways that somebody else runs, an Istio that somebody else installs, and keys of
issuers; then the settings are judged like those of any stack.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from chatgpt_mesh.components.specs.contract import SCHEMA_VERSION
from chatgpt_mesh.components.specs.path_setting import expand
from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Reader = Callable[[Mapping[str, Any]], "tuple[Mapping[str, Any] | None, str | None]"]
    """Of `granted_by` the platform's outputs, or a sentence that says why there are none."""

Values = dict[str, Any]

SETTING = "granted_by"

OF_A_TEAM = frozenset({SETTING, "cluster", "apps", "egress", "accept"})
"""Settings of a team's stack."""


class Expanded(NamedTuple):
    """A stack's settings with what follows from the platform's outputs."""

    values: Values
    """Empty where the outputs cannot be read: whatever else seems wrong then follows from what is missing."""
    problems: list[Problem]
    grant: Values | None = None
    """What is granted, as the outputs have it; None in a stack that is no team's."""


def expanded(values: Values, reader: Reader) -> Expanded:
    """The settings of a team's stack as those of an ordinary one; unchanged where `granted_by` is not said."""
    said = values.get(SETTING)
    if not isinstance(said, dict):
        return Expanded(values, [])
    granted_by = cast("Values", said)
    found = [
        Problem(
            name,
            "is the platform's: a stack with granted_by declares apps (settings: "
            f"{', '.join(sorted(OF_A_TEAM))}); remove it, or ask the owners of {granted_by.get('stack')}",
        )
        for name in sorted(values.keys() - OF_A_TEAM)
    ]
    outputs, refusal = reader(granted_by)
    if outputs is None:
        return Expanded({}, [*found, Problem(SETTING, refusal or "cannot be read")])
    team, grants = granted_by.get("team"), _mapping(outputs.get("grants"))
    if (problem := _contract_problem(outputs, granted_by, grants)) is not None:
        return Expanded({}, [*found, problem])
    grant = cast("Values", grants[str(team)])
    kept = {name: value for name, value in values.items() if name in OF_A_TEAM}
    egress = kept.get("egress")
    if isinstance(egress, dict):
        kept["egress"] = {"via": "sidecar", **cast("Values", egress)}
    found += _keys(kept, grant)
    return Expanded({**kept, **_of_the_platform(outputs, grant, kept)}, found, grant)


def _contract_problem(
    outputs: Mapping[str, Any], granted_by: Mapping[str, Any], grants: Mapping[str, Any]
) -> Problem | None:
    stack, team, version = granted_by.get("stack"), granted_by.get("team"), outputs.get("schema_version")
    if version != SCHEMA_VERSION:
        later = isinstance(version, int) and version > SCHEMA_VERSION
        return Problem(
            f"{SETTING}.stack",
            f"has outputs of version {version}, and this program reads version {SCHEMA_VERSION}; "
            + ("take a newer chatgpt-mesh here" if later else "the platform's stack needs a newer chatgpt-mesh first"),
            stack,
        )
    if not grants:
        return Problem(
            f"{SETTING}.stack",
            "grants nothing to anybody: its outputs have no grants; its owners write grants and run `pulumi up`, with "
            "a chatgpt-mesh that knows them",
            stack,
        )
    if team not in grants:
        return Problem(f"{SETTING}.team", f"has no grant of {stack}; there are: {', '.join(sorted(grants))}", team)
    return None


def _of_the_platform(outputs: Mapping[str, Any], grant: Mapping[str, Any], said: Mapping[str, Any]) -> Values:
    used = {_mapping(app).get("namespace") for app in _mapping(said.get("apps")).values()}
    labels = _mapping(outputs["injection_labels"])
    istio = {"install": False, "version": outputs["istio_version"]}
    if "istio.io/rev" in labels:
        istio["injection"] = labels["istio.io/rev"]
    return {
        "istio": istio,
        "security": {"scope": "namespaces"},
        "trust_domain": outputs["trust_domain"],
        "namespaces": {name: {"existing": True} for name in grant["namespaces"] if name in used},
        "gateways": {name: _gateway(_mapping(outputs["gateways"])[name]) for name in grant["gateways"]},
    }


def _gateway(output: Mapping[str, Any]) -> Values:
    """As a gateway that somebody else runs, with the listeners at which apps have hosts."""
    return {
        "kind": output["kind"],
        "namespace": output["namespace"],
        "release": output["name"],
        "existing": {
            "labels": output["selector"],
            "service_account": str(output["principal"]).rpartition("/sa/")[2],
            **({"address": output["address"]} if output.get("address") else {}),
        },
        "listeners": {
            # The engine hands every number over as a float.
            name: {"port": int(one["port"]), "hosts": one["hosts"], "tls": {"secret": "of-the-platform"}}
            for name, one in _mapping(output["listeners"]).items()
            if one["protocol"] == "HTTPS"
        },
    }


def _keys(values: Mapping[str, Any], grant: Mapping[str, Any]) -> Iterator[Problem]:
    """Puts the granted keys where an app names an issuer. What is misspelt is left to the specs."""
    granted = {one["issuer"]: one for one in grant["issuers"]}
    for name, app in _mapping(values.get("apps")).items():
        issuers: Any = _mapping(_mapping(app).get("auth")).get("issuers")
        for index, issuer in enumerate(cast("list[Any]", issuers) if isinstance(issuers, list) else []):
            if not isinstance(issuer, dict):
                continue
            written = cast("Values", issuer)
            for field in ("jwks", "jwks_uri", "jwks_file"):
                if field in written:
                    yield Problem(
                        f"apps.{name}.auth.issuers[{index}].{field}",
                        "is the platform's, whose gateways verify tokens: it stands in the grant; remove it",
                    )
                    del written[field]
            # An issuer that is not granted is told as that, and not for its keys.
            known = granted.get(written.get("issuer")) or {"jwks_uri": written.get("issuer")}
            written |= {field: known[field] for field in ("jwks", "jwks_uri") if known.get(field)}


def from_file(granted_by: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """The outputs in the file that `granted_by.outputs` names."""
    path, stack = granted_by.get("outputs"), granted_by.get("stack")
    command = f"pulumi stack output --stack {stack} --json > outputs.json"
    if not isinstance(path, str):
        return None, f"needs outputs, a file, to be judged without Pulumi's engine: {command}"
    try:
        read = json.loads(Path(expand(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return None, f"cannot read the outputs in {path} ({type(error).__name__}); write them with: {command}"
    if not isinstance(read, dict):
        return None, f"{path} holds no outputs; write them with: {command}"
    return cast("Values", read), None


def from_engine(granted_by: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """The outputs of the stack, asked of Pulumi's engine before anything is registered.

    By the engine's own function and not by a StackReference, whose values come while resources are registered already.
    """
    import pulumi

    stack = str(granted_by.get("stack"))
    try:
        answer: Any = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack}).value
    except Exception as error:  # the engine's refusals have no type of their own
        return None, f"names the stack {stack}, which Pulumi cannot read here: {str(error).splitlines()[0][:300]}"
    outputs = _mapping(answer).get("outputs")
    if not outputs:
        return None, f"names the stack {stack}, which has no outputs; has its `pulumi up` ended?"
    return _mapping(outputs), None


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
