"""How the requests of each test were answered, counted where they are sent: `pytest tests/lab --answers FILE`."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.workloads.request import Connection, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NO_ANSWER = 0
"""In place of a status: no HTTP answer came."""


@contextmanager
def counted() -> Iterator[Counter[int]]:
    """Answers by status, of every request that this process sends meanwhile, in whatever thread.

    What a pod sends for a test is not among them.
    """
    found: Counter[int] = Counter()
    one_at_a_time = threading.Lock()
    sends = Connection.send

    def send(self: Connection, request: Request) -> Reply:
        reply = sends(self, request)
        with one_at_a_time:
            found[reply.status] += 1
        return reply

    Connection.send = send
    try:
        yield found
    finally:
        Connection.send = sends


def text(answers: Mapping[str, int]) -> str:
    """`1,204: all with 200`, or `340: 331 with 200, 9 with 503`; the most frequent first."""
    named = [("without an answer" if one == str(NO_ANSWER) else f"with {one}", n) for one, n in answers.items()]
    if not named:
        return ""
    total = f"{sum(answers.values()):,}"
    if len(named) == 1:
        return f"{total}: all {named[0][0]}"
    each = [f"{count:,} {how}" for how, count in sorted(named, key=lambda one: (-one[1], one[0]))]
    return f"{total}: {', '.join(each)}"


def write(file: Path, of_tests: Mapping[str, Mapping[int, int]], **when: str) -> None:
    """Into a JSON file, where what other tests were answered stays.

    Args:
        of_tests: By the name of the test, answers by status.
        when: Date and commit, which each test keeps.
    """
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, answers in of_tests.items():
        known[name] = {**when, "answers": {str(status): count for status, count in sorted(answers.items())}}
    file.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
