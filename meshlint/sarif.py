"""SARIF 2.1.0, which code scanning services read.

Source: docs.oasis-open.org/sarif/sarif/v2.1.0
"""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from meshlint.finding import Severity
from meshlint.rule_page import rule_page
from meshlint.rules import load as rules

if TYPE_CHECKING:
    from meshlint.finding import Acceptance
    from meshlint.lint import Linted, Located

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

FINGERPRINT = "meshlint/v1"
"""Names what a finding's fingerprint is made of: its code, its object and the field; so it outlives moved lines."""


def sarif(linted: Linted) -> str:
    """Every finding as a result, accepted ones as suppressed results."""
    shown = [(found, None) for found in linted.findings] + list(linted.accepted)
    used = sorted({found.code for found, _ in shown})
    driver: dict[str, Any] = {"name": "meshlint", "rules": [_rule(code) for code in used]}
    if known := _version():
        driver["version"] = driver["semanticVersion"] = known
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "where meshlint was started"}}},
                "results": [_result(found, acceptance, used) for found, acceptance in shown],
            }
        ],
    }
    return json.dumps(document, indent=2)


def _version() -> str:
    try:
        return version("meshlint")
    except PackageNotFoundError:
        return ""


def _rule(code: str) -> dict[str, Any]:
    rule = rules().get(code)
    if rule is None:
        return {"id": code}
    page = rule_page(rule)
    return {
        "id": code,
        "name": rule.title,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(found: Located, acceptance: Acceptance | None, used: list[str]) -> dict[str, Any]:
    location = _location(found.file, found.line)
    if found.object:
        kind, _, name = found.object.partition("/")
        location["logicalLocations"] = [
            {"name": name, "fullyQualifiedName": found.object, "kind": "object", "decoratedName": f"{kind} {name}"}
        ]
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": used.index(found.code),
        "level": _LEVELS[found.severity],
        "message": {"text": found.message},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: found.fingerprint},
    }
    if found.also:
        result["relatedLocations"] = [
            {**_location(file, line), "message": {"text": "the same object"}} for file, line in found.also
        ]
    if acceptance is not None:
        said = f"until {acceptance.until}: {acceptance.why}"
        result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": said}]
    return result


def _location(file: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(file), "region": {"startLine": max(1, line)}}}


def _artifact(file: str) -> dict[str, Any]:
    """A file below the working directory by its way from there, as code scanning needs it; another one by its URI."""
    if file == "-":
        return {"uri": "stdin"}
    absolute = os.path.abspath(file)
    relative = os.path.relpath(absolute)
    if relative.startswith(".."):
        return {"uri": f"file://{quote(absolute)}"}
    return {"uri": quote(relative.replace(os.sep, "/")), "uriBaseId": "%SRCROOT%"}
