"""What ends a command of the lab early, and what a person is told."""

from __future__ import annotations


class LabError(Exception):
    """Something that stops the lab: a sentence that says what, where, and how to mend it.

    The command line prints it without a traceback and exits with 1.
    """


class WrongUseError(LabError):
    """The command was given something it cannot take; the command line exits with 2."""


class Terminated(KeyboardInterrupt):  # a kind of interrupt, as KeyboardInterrupt is
    """SIGTERM: the command ends as it does on Ctrl-C, but only this process has been told."""
