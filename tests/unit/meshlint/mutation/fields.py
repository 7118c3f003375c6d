"""Mutants of a correct mesh: each differs in one field from it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

import meshlint
from meshlint import schemas
from meshlint.finding import dotted

TODAY = date(2026, 12, 1)
FIXTURE = Path(__file__).parents[3] / "fixtures" / "mesh" / "correct.yaml"
KINDS = (
    "Gateway", "VirtualService", "DestinationRule", "PeerAuthentication", "RequestAuthentication",
    "AuthorizationPolicy", "EnvoyFilter", "ServiceEntry", "Sidecar", "Telemetry",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    index: int
    object: str
    path: tuple[Any, ...]
    operator: str
    value: Any = None

    @property
    def name(self) -> str:
        return f"{self.object} {self.operator} {dotted(self.path)}" + (f" -> {self.value!r}" if self.value else "")

    def apply(self, objects: list[Any]) -> list[Any]:
        changed = list(objects)
        document = changed[self.index] = copy.deepcopy(objects[self.index])
        for step in self.path[:-1]:
            document = document[step]
        if self.operator == "without":
            del document[self.path[-1]]
        else:
            document[self.path[-1]] = self.value
        return changed


def correct() -> list[Any]:
    return [document for document in yaml.load_all(FIXTURE.read_text(), yaml.CSafeLoader) if document]


def mutants(objects: list[Any]) -> list[Mutant]:
    """Every scalar of every spec: left out, and changed to something else of its type."""
    found: list[Mutant] = []
    for index, document in enumerate(objects):
        if document["kind"] not in KINDS:
            continue
        metadata = document["metadata"]
        key = f"{document['kind']}/{metadata['namespace']}/{metadata['name']}"
        group = document["apiVersion"].partition("/")[0]
        schema = schemas.load("istio_resources")[f"{group}/{document['kind']}"]["spec"]
        for path, value, node in _parts(document["spec"], ("spec",), schema):
            if isinstance(value, dict | list):
                continue
            found.append(Mutant(index, key, path, "without"))
            found += [Mutant(index, key, path, "with", other) for other in _others(value, node)]
    return found


def _parts(value: Any, path: tuple[Any, ...], schema: Any) -> list[tuple[tuple[Any, ...], Any, Any]]:
    found: list[tuple[tuple[Any, ...], Any, Any]] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            below = schema.get(name, "x") if isinstance(schema, dict) else schema[1] if schema[0] == "m" else "x"
            found += [((*path, name), inner, below), *_parts(inner, (*path, name), below)]
    elif isinstance(value, list):
        below = schema[1] if schema[0] == "l" else "x"
        for number, inner in enumerate(value):
            found += [((*path, number), inner, below), *_parts(inner, (*path, number), below)]
    return found


def _others(value: Any, schema: Any) -> list[Any]:
    """What the value is changed to: another member of its enum, its negation, a misspelling, zero or a neighbour."""
    if isinstance(schema, list) and schema[0] == "e":
        return [member for member in schema[1:] if member != value][:2]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1] if value > 79 else [0]
    if isinstance(value, str):
        return [f"{value}x" if not value.endswith(("s", "h")) or not value[:-1].isdecimal() else f"{value[:-1]}ms"]
    return []


SAME = {
    r"servers\[\d\]\.port\.name -> |spec\.ports\[0\]\.name -> ": "a port's name is a label",
    r"http\[\d\]\.name( ->|$)": "a route's name is a label, as long as no EnvoyFilter refers to it",
    r"without .*destination\.port\.number$": "the Service has one port",
    r"without spec\.(selector\.matchLabels|workloadSelector\.labels)\.istio$": "the namespace has no other pods",
    r"without spec\.action$": "ALLOW is the default",
    r"without .*default_value\.denominator$": "HUNDRED is the default",
    r"without .*metadata\.source$": "DYNAMIC is the default",
    r"without spec\.location$": "MESH_EXTERNAL is the default",
    r"without .*outcome\.operation$": "UPSERT is the default",
    r"configPatches\[\d\]\.match\.context( -> 'ANY'|$)": "a gateway's pods have no other context",
    r"typed_config\.stat_prefix -> ": "a label of statistics",
    r"patch\.value\.name -> ": "the type decides, not the name",
    r"with spec\.priority": "there is one EnvoyFilter",
    r"without spec\.tls\[\d\]\.match\[0\]\.port$": "the host has no other port",
    r"allowMethods\[3\]": "a browser asks no permission for OPTIONS",
    r"without .*access-control-request-method\.regex$": "being there is what `.+` asks for",
    r"operation\.paths\[1\]$": "nothing below /mcp is forwarded",
    r"without .*operation\.ports\[1\]$": "the pods do not listen on 8443",
    r"without .*audiences\[0\]$": "the route compares the audience, exactly",
    r"without spec\.egress\[0\]\.hosts\[1\]$": "nothing in istio-system is called",
    r"always_consume_default_token_bucket": "the default bucket is practically infinite",
}
"""Mutants that behave like the original, and why."""

SURVIVORS = {
    r"tls\.mode -> 'MUTUAL'": "asking clients for certificates is a choice; whether they have one is not in the mesh",
    r'claims\.sub"\]\.regex -> ': "any pattern may be what subjects look like",
    r"corsPolicy\.maxAge": "how long a browser remembers is a choice",
    r"(connectTimeout|http1MaxPendingRequests|http2MaxRequests)": "another size is a choice, as is Istio's own",
    r"outlierDetection\.": "other thresholds are a choice, as are Istio's own",
    r"forwardOriginalToken": "whether the app reads the token is not in the mesh",
    r"outputClaimToHeaders": "which header and claim the app reads is not in the mesh",
    r"token_bucket\.|max_dynamic_descriptors": "another limit is a choice",
    r"path\[1\]\.key -> ": "any claim may be what is counted",
    r"overrides\[0\]\.match\.": "which metric gets the tag is a choice",
    r"randomSamplingPercentage": "the mesh's default is a choice",
    r"formatter\.value": "any text may be what a span is to carry",
}
"""Mutants that behave differently and are not found, and why no rule can tell."""


def reason(name: str, reasons: dict[str, str]) -> str:
    return next((why for pattern, why in reasons.items() if re.search(pattern, name)), "")


INTRODUCTION = """\
`tests/fixtures/mesh/correct.yaml` is a whole mesh without a finding. Each scalar of its Istio objects is left out, and
changed to something else of its type (another member of the enum, the negation, a misspelling, 0, the next port), one
at a time. A mutant is caught if there is any finding.
"""


def page(found: dict[str, bool]) -> str:
    """docs/rules/mutations.md, from which mutant was caught."""
    uncaught = [name for name, caught in found.items() if not caught]
    same = [name for name in uncaught if reason(name, SAME)]
    survivors = [name for name in uncaught if name not in same]
    changing = len(found) - len(same)
    share = (len(found) - len(uncaught)) / changing
    lines = [
        "<!-- generated by `python -m tests.unit.meshlint.mutation` -->",
        "",
        "# How many mistakes the rules find",
        "",
        INTRODUCTION,
        f"- {len(found)} mutants; {len(same)} behave like the original; "
        f"of the {changing} others {changing - len(survivors)} are caught: **{share:.1%}**.",
        "",
        "## Not caught, and different",
        "",
        "| mutants | why no rule can tell |",
        "|---|---|",
        *_rows(survivors, SURVIVORS),
        "",
        "## Not caught, and the same",
        "",
        "| mutants | why |",
        "|---|---|",
        *_rows(same, SAME),
    ]
    return "\n".join(lines) + "\n"


def _rows(names: list[str], reasons: dict[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for name in names:
        by_reason.setdefault(reason(name, reasons), []).append(name)
    return [
        f"| {'<br>'.join(f'`{name}`'.replace('|', chr(92) + '|') for name in found)} | {why} |"
        for why, found in by_reason.items()
    ]


def run() -> dict[str, bool]:
    """Each mutant by name, and whether it is caught."""
    objects = correct()
    if meshlint.run(objects, today=TODAY).findings:
        raise AssertionError("the mesh to mutate has findings itself")
    return {mutant.name: bool(meshlint.run(mutant.apply(objects), today=TODAY).findings) for mutant in mutants(objects)}


PAGE = Path(__file__).parents[4] / "docs" / "rules" / "mutations.md"
