"""docs/intents.md: no document and no intent of the guide is missing, and whatever a row names is there."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from chatgpt_mesh.stack import settings, stack_files
from tests.program.inventory import HERE as INVENTORY
from tests.surroundings import ROOT
from tests.unit.golden import HERE as GOLDEN

PAGE = ROOT / "docs" / "intents.md"
STACKS = ("staging", "prod")
TODAY = date(2026, 11, 24)

INTENTS = {
    "Traffic": (
        "canary",
        "A/B test",
        "routing by header",
        "routing by path",
        "routing by weight",
        "geographic routing",
        "mirroring",
        "fault injection",
        "start at 5 % and raise it",
    ),
    "Load balancing": (
        "subsets",
        "round robin",
        "least request",
        "random",
        "consistent hash",
        "pools",
        "outlier detection",
        "locality",
    ),
    "Security": (
        "STRICT mutual TLS with migration exceptions",
        "SPIFFE identities",
        "deny by default",
        "allow lists between services",
        "tokens of several issuers",
        "rules by claims",
        "banned subjects",
        "rate limits per user",
    ),
    "Observability": (
        "Prometheus metrics with custom tags",
        "tracing with Jaeger, Zipkin or OTLP",
        "custom tags of traces",
        "filtered JSON access logs",
        "Kiali",
        "Grafana",
    ),
    "Ingress and egress": (
        "HTTPS with TLS 1.2 or later",
        "redirect from HTTP",
        "mutual TLS for internal hosts",
        "TCP",
        "routing by SNI",
        "cert-manager",
        "controlled egress through a gateway",
    ),
    "Resilience": (
        "circuit breakers",
        "retries that cannot storm or repeat a tool call",
        "timeouts that spare streams",
    ),
    "Installation": (
        "profiles",
        "control plane over zones",
        "horizontal autoscaling",
        "disruption budgets",
        "resources",
        "separate gateways",
        "CNI plugin",
        "mesh configuration",
        "multi-cluster settings",
        "injection by namespace",
        "verification after installation",
    ),
    "Neighbours": (
        "autoscaling of nodes and pods",
        "network policies",
        "resource quotas",
        "RBAC",
        "secrets",
    ),
}
"""What the text of the guide asks for, beside its documents."""

DECLARATION = re.compile(r"`(?P<path>[a-z_]+(?:\.[A-Za-z0-9_-]+(?:\[\])?)*)`(?P<default> \(default\))?")
OBJECT = re.compile(r"`(?P<key>[A-Z]\w+(?:/[a-z0-9-]+)?/[a-z0-9.-]+)`")
RESOURCE = re.compile(r"`(?P<type>[A-Z]\w+) (?P<name>[\w.*/-]+)`")
TEST = re.compile(r"\]\((?P<path>[^)]+\.py)\)")


@dataclass(frozen=True)
class Row:
    section: str
    intent: str
    declaration: str
    becomes: str
    tests: str
    document: int | None = None

    def __str__(self) -> str:
        return f"{self.section}: {self.intent[:40]}"


def rows() -> Iterator[Row]:
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or cells[0] in ("#", "intent"):
            continue
        document, rest = (int(cells[0]), cells[1:]) if cells[0].isdigit() else (None, cells)
        assert len(rest) == 4, line
        yield Row(section, *rest, document=document)


ROWS = tuple(rows())


@functools.cache
def written(stack: str) -> Mapping[str, Any]:
    """What the files of a stack say, its parents' included, and nothing that is a default."""
    own = stack_files.read_stack_file(ROOT / f"Pulumi.{stack}.yaml").values
    return {**stack_files.layered(own, ROOT).values, "extends": own["extends"]}


@functools.cache
def loaded(stack: str) -> settings.Settings:
    return settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", TODAY)


def says(value: Any, path: list[str]) -> bool:
    """Whether a path leads to something; `name[]` goes into each entry of a list."""
    if not path:
        return value is not None
    name = path[0].removesuffix("[]")
    if isinstance(value, BaseModel):
        value = dict(value)
    if not isinstance(value, Mapping) or name not in value:
        return False
    below = value[name]
    return any(says(entry, path[1:]) for entry in below) if path[0].endswith("[]") else says(below, path[1:])


@functools.cache
def objects() -> frozenset[str]:
    texts = [(GOLDEN / f"{stack}.yaml").read_text(encoding="utf-8") for stack in STACKS]
    return frozenset(
        "/".join((found["kind"], *filter(None, (found["metadata"].get(part) for part in ("namespace", "name")))))
        for text in texts
        for found in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if found
    )


@functools.cache
def resources() -> frozenset[tuple[str, str]]:
    """Type and name of everything that a stack registers."""
    entry = re.compile(r"^- name: (?P<name>.+)\n  type: (?:.*:)?(?P<type>\w+)$", re.MULTILINE)
    texts = [(INVENTORY / f"{stack}.yaml").read_text(encoding="utf-8") for stack in STACKS]
    return frozenset((found["type"], found["name"].strip("'")) for text in texts for found in entry.finditer(text))


def test_every_document_of_the_guide_has_a_row() -> None:
    documents = {int(path.name[:2]) for path in (ROOT / "tests" / "fixtures" / "guide").glob("*.yaml")}
    assert len(documents) == 22
    assert {row.document for row in ROWS if row.document is not None} == documents


@pytest.mark.parametrize("section", INTENTS)
def test_every_intent_of_the_text_has_a_row(section: str) -> None:
    assert tuple(row.intent for row in ROWS if row.section == section) == INTENTS[section]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_a_row_declares_is_set_in_staging_or_prod(row: Row) -> None:
    found = list(DECLARATION.finditer(row.declaration.partition(";")[0]))
    assert found or re.match(r"nothing to declare|not made here|`python -m ", row.declaration), row.declaration
    for declaration in found:
        path = declaration["path"].split(".")
        where = loaded if declaration["default"] else written
        assert any(says(where(stack), path) for stack in STACKS), declaration["path"]
        if declaration["default"]:
            assert not any(says(written(stack), path) for stack in STACKS), f"{declaration['path']} is no default here"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_a_row_becomes_is_in_staging_or_prod(row: Row) -> None:
    keys = {found["key"] for found in OBJECT.finditer(row.becomes)}
    registered = {(found["type"], found["name"]) for found in RESOURCE.finditer(row.becomes)}
    assert keys or registered, row.becomes
    assert keys <= objects()
    assert registered <= resources()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_shows_a_row_is_a_test(row: Row) -> None:
    found = [found["path"] for found in TEST.finditer(row.tests)]
    assert found, row.tests
    for path in found:
        assert Path(PAGE.parent, path).read_text(encoding="utf-8").count("def test_"), path


def test_each_change_says_why() -> None:
    for row in ROWS:
        before, changed, why = row.intent.partition("**Changed**: ")
        assert not changed or len(why) > 40, before
