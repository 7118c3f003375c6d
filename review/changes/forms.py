"""The sentences for a terminal, for a comment on a pull request, and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chatgpt_mesh.review.changes.sentence import Topic

if TYPE_CHECKING:
    from chatgpt_mesh.review.changes.difference import Changes

NOTHING = "Nothing changes."

MOST = 60
"""Sentences of one topic that a comment shows before it folds the rest: GitHub takes 65,536 characters."""


def text(changes: Changes) -> str:
    lines: list[str] = []
    for topic in Topic:
        sentences = changes.of(topic)
        if sentences:
            lines += [f"{topic}", *(f"  {'+ ' if one.opens else '  '}{one.text}" for one in sentences), ""]
    return "\n".join([*lines, _evidence(changes)]) + "\n"


def as_json(changes: Changes) -> str:
    found = {
        "before": changes.before,
        "now": changes.now,
        "sentences": [{"topic": one.topic, "text": one.text, "opens": one.opens} for one in changes.sentences],
        "questions": changes.questions,
    }
    return json.dumps(found, indent=2) + "\n"


def markdown(changes: Changes, picture: str = "") -> str:
    """`picture` is a Mermaid diagram, which GitHub draws."""
    lines = [f"### From {_code(changes.before)} to {_code(changes.now)}", ""]
    for topic in Topic:
        sentences = changes.of(topic)
        if not sentences:
            continue
        items = [f"- {'**opens** ' if one.opens else ''}{_escaped(one.text)}" for one in sentences]
        lines += [f"**{topic}**", "", *items[:MOST], ""]
        if len(items) > MOST:
            lines += [f"<details><summary>{len(items) - MOST} more</summary>", "", *items[MOST:], "", "</details>", ""]
    lines += [_evidence(changes), ""]
    if picture and changes.sentences:
        lines += ["```mermaid", picture.rstrip(), "```", ""]
    return "\n".join(lines)


def _evidence(changes: Changes) -> str:
    if not changes.sentences:
        return NOTHING
    if not changes.questions:
        return "No request was asked: every object that decides on one is the same."
    return f"Access and traffic: both were asked the same {changes.questions:,} requests."


def _code(name: str) -> str:
    return f"`{name.replace('`', '')}`"


_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~"} | {"@": "&#64;", "\n": " "})


def _escaped(sentence: str) -> str:
    """Names and values are text: no link, no mention, no markup of whoever wrote the declaration."""
    return sentence.translate(_MARKS)
