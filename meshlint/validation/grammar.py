"""What a valid message is, as a tree of checks: the fields that have something to check, and checks over the whole.

A check takes a value that has the type of its field, and gives the problems it finds, each with its place below the
value. It gives the empty tuple where there is none, which is nearly always: no path is made then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshlint.finding import Path
    from meshlint.view.fields import Json

    Problem = tuple[Path, str, str]
    """Where, what is wrong, how to mend it."""
    Problems = tuple[Problem, ...]
    Check = Callable[[Any], Problems]

NONE: Problems = ()


def problem(what: str, mend: str, *path: str | int) -> Problems:
    """One problem at a place below the value."""
    return ((path, what, mend),)


def below(step: str | int, problems: Problems) -> Problems:
    """Problems of a part, as problems of the whole."""
    return tuple(((step, *path), what, mend) for path, what, mend in problems)


class Message:
    """A message: checks by the name of the field, and checks over the message as a whole."""

    __slots__ = ("_fields", "_whole")

    def __init__(self, fields: Mapping[str, Check], *whole: Check) -> None:
        self._fields = dict(fields)
        self._whole = whole

    def __call__(self, value: Json) -> Problems:
        found = NONE
        fields = self._fields
        for name, inner in value.items():
            check = fields.get(name)
            if check is not None:
                problems = check(inner)
                if problems:
                    found += below(name, problems)
        for check in self._whole:
            found += check(value)
        return found

    def also(self, fields: Mapping[str, Check], *whole: Check) -> Message:
        """This message with further checks; a field's check here replaces the one it had."""
        return Message({**self._fields, **fields}, *self._whole, *whole)


def each(check: Check, *whole: Check) -> Check:
    """A list whose elements are checked, and checks over the list as a whole."""

    def check_list(value: list[Any]) -> Problems:
        found = NONE
        for position, inner in enumerate(value):
            problems = check(inner)
            if problems:
                found += below(position, problems)
        for one in whole:
            found += one(value)
        return found

    return check_list


def entries(check: Check | None = None, *, key: Check | None = None) -> Check:
    """A map: a check of the values, of the keys, or of both. What is wrong with a key stands at its entry."""

    def check_map(value: Json) -> Problems:
        found = NONE
        for name, inner in value.items():
            problems = check(inner) if check else NONE
            if key:
                problems += key(name)
            if problems:
                found += below(name, problems)
        return found

    return check_map


def every(*checks: Check) -> Check:
    """Several checks of one value."""

    def check_all(value: Any) -> Problems:
        found = NONE
        for check in checks:
            found += check(value)
        return found

    return check_all


def one_of(*names: str) -> Check:
    """At most one of these fields."""

    def check_group(value: Json) -> Problems:
        present = [name for name in names if value.get(name) is not None]
        if len(present) < 2:
            return NONE
        return problem(f"has {' and '.join(present)}, of which it can have one", f"keep one of {', '.join(present)}")

    return check_group


def filled(value: str) -> Problems:
    """A string that is not empty."""
    return NONE if value else problem("is empty", "write a value, or remove it")


def longest(limit: int) -> Check:
    """A string, list or map that is not longer than the limit."""

    def check_length(value: Any) -> Problems:
        if len(value) <= limit:
            return NONE
        what = f"has {len(value)} characters" if isinstance(value, str) else f"has {len(value)} entries"
        return problem(f"{what}, more than the {limit} allowed", "shorten it")

    return check_length


def at_least(limit: float) -> Check:
    """A number that is not below the limit."""

    def check_number(value: float) -> Problems:
        return NONE if value >= limit else problem(f"is {value}, below {limit}", f"write {limit} or more")

    return check_number


def whole(limit: int) -> Check:
    """A number that is not below the limit, and fits into 32 bits."""
    return between(limit, 2**31 - 1)


def unsigned(value: int) -> Problems:
    """A number of 32 bits without a sign."""
    return (
        NONE if 0 <= value < 2**32 else problem(f"is {value}, outside 0 to {2**32 - 1}", "write a smaller number, or 0")
    )


def signed(value: int) -> Problems:
    """A number of 32 bits."""
    if -(2**31) <= value < 2**31:
        return NONE
    return problem(f"is {value}, more than 32 bits hold", "write a number nearer to 0")


def between(low: float, high: float) -> Check:
    """A number in a range, both ends included."""

    def check_number(value: float) -> Problems:
        if low <= value <= high:
            return NONE
        return problem(f"is {value}, outside {low} to {high}", f"write a number from {low} to {high}")

    return check_number


def among(*allowed: str) -> Check:
    """One of these words."""
    known = frozenset(allowed)

    def check_word(value: str) -> Problems:
        if value in known:
            return NONE
        return problem(f"is {value!r}, which is none of {', '.join(filter(None, allowed))}", "choose one of them")

    return check_word
