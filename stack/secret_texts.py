"""Texts of a stack's configuration that Pulumi keeps encrypted, and must not show anywhere else either.

The engine says which settings hold a secret, and not where in them. The stack's own file does, where it is known;
otherwise every text of such a setting counts as secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.stack import stack_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HIDDEN = "[secret]"

_SHORTEST = 4
"""Characters of the shortest text that is looked for: `true` and `443` would be found everywhere."""


class SecretTexts:
    """The texts, and what is done with them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = tuple(sorted({text for text in texts if len(text) >= _SHORTEST}, key=len, reverse=True))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def within(self, text: str) -> bool:
        """Whether one of them is in a text."""
        return any(secret in text for secret in self._texts)

    def redacted(self, problem: Problem) -> Problem:
        """The sentence without any of them."""
        message = problem.message
        for secret in self._texts:
            message = message.replace(secret, HIDDEN)
        shown = None if self.within(str(problem.value)) else problem.value
        return Problem(problem.path, message, shown)

    def sealed(self, value: Any) -> Any:
        """An input or output, with every text that holds one of them marked as secret for Pulumi."""
        if not self._texts:
            return value
        if isinstance(value, Mapping):
            return {key: self.sealed(item) for key, item in cast("Mapping[str, Any]", value).items()}
        if isinstance(value, (list, tuple)):
            return [self.sealed(item) for item in cast("list[Any]", value)]
        if isinstance(value, str) and self.within(value):
            import pulumi

            return pulumi.Output.secret(value)
        return value


def secret_texts(own: Mapping[str, Any], secret: Iterable[str], stack_file: Path) -> SecretTexts:
    """The secret texts of a stack's own layer, of which `secret` names the settings that hold some."""
    located = stack_files.secret_paths(stack_file) if stack_file.is_file() else {}
    found: list[str] = []
    for name in secret:
        leaves = dict(_leaves(own.get(name), name))
        known = located.get(name, ())
        found += [leaves[path] for path in known if path in leaves] or leaves.values()
    return SecretTexts(found)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _leaves(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value
