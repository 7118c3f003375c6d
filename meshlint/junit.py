"""JUnit's XML, which most CI systems show as tests: a failure for each finding.

Source: github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from meshlint.lint import Linted

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(linted: Linted) -> str:
    """A test case for each finding, failed; for each accepted one, skipped; and one that passes if there is none."""
    suite = ElementTree.Element("testsuite", name="meshlint")
    for found in linted.findings:
        case = _case(suite, found.file, f"{found.code} {found.object}")
        place = f"{found.file}:{found.line}"
        failure = ElementTree.SubElement(case, "failure", type=found.severity.value, message=_clean(found.message))
        failure.text = _clean("\n".join([place, *(f"{file}:{line}" for file, line in found.also), *found.excerpt]))
    for found, acceptance in linted.accepted:
        case = _case(suite, found.file, f"{found.code} {found.object}")
        ElementTree.SubElement(case, "skipped", message=_clean(f"accepted until {acceptance.until}: {acceptance.why}"))
    if not len(suite):
        _case(suite, "meshlint", f"{linted.objects} objects")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(linted.findings)))
    suite.set("skipped", str(len(linted.accepted)))
    document = ElementTree.Element("testsuites")
    document.append(suite)
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode")


def _case(suite: ElementTree.Element, file: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=_clean(file), name=_clean(name.strip()))


def _clean(words: str) -> str:
    """Without what XML 1.0 cannot carry."""
    return _NOT_XML.sub("?", words)
