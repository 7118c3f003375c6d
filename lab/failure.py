"""The one exception of the lab that a person is meant to read."""

from __future__ import annotations


class LabError(Exception):
    """Something that stops the lab: a sentence that says what, where, and how to mend it.

    The command line prints it without a traceback and exits with 1.
    """


class WrongUseError(LabError):
    """The command was given something it cannot take; the command line exits with 2."""
