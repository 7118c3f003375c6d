"""How far ahead a day may lie until which something is let pass: nobody keeps in mind what ends in years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FARTHEST = timedelta(days=2 * 365)

NOTICE = timedelta(days=14)
"""How long before its day something that ends is warned of."""


def today() -> date:
    """The day in UTC: wherever a stack is deployed from, its dates end at the same moment."""
    return datetime.now(tz=UTC).date()


def from_today(day: date, today: date) -> str:
    """When a day is that has not passed: today, or in so many days."""
    days = (day - today).days
    return "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"


def too_far(until: date, today: date) -> str | None:
    """What to say about a day that is years away, or None where it is not."""
    # Not `today + FARTHEST`: the last day of Python's calendar may be closer.
    if until - today <= FARTHEST:
        return None
    return (
        f"is years away, and a date ends what somebody has to end; name a day within two years of today ({today}) and "
        "move it then with a reason"
    )
