"""What a stack file names: apps and gateways by their names, as far as they could be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import AfterValidator, PrivateAttr

from chatgpt_mesh.mesh.specs.spec import DnsLabel, Spec


class NamedSpec(Spec):
    """A part of a declaration that gets its name from the mapping it stands in: `apps: {weather: {...}}`."""

    section: ClassVar[str]
    """The setting of the stack file that holds the mapping."""
    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """Its key in the mapping."""
        return self._name

    @property
    def declared_at(self) -> str:
        """Its path in the stack file, such as `apps.weather`."""
        return f"{self.section}.{self._name}"

    def named(self, name: str) -> Self:
        """The same declaration under this name."""
        if self._name == name:
            return self
        copy = self.model_copy()
        copy._name = name
        return copy


N = TypeVar("N", bound=NamedSpec)
T_co = TypeVar("T_co", covariant=True)


def _with_names(specs: dict[str, N]) -> dict[str, N]:
    return {name: spec.named(name) for name, spec in specs.items()}


ByName = Annotated[dict[DnsLabel, N], AfterValidator(_with_names)]
"""A mapping of the stack file whose entries know their names."""


class Declared(Mapping[str, T_co]):
    """The entries of one mapping of the stack file that parsed.

    Those that did not are known by their names all the same, so that nobody takes a reference to one for a dangling
    one.
    """

    def __init__(self, section: str, parsed: Mapping[str, T_co], unread: Collection[str] = ()) -> None:
        """`unread`: paths of what did not parse, such as `apps` or `apps.weather`; other sections' are ignored."""
        self._section, self._parsed, self._unread = section, parsed, frozenset(unread)

    def __getitem__(self, name: str) -> T_co:
        return self._parsed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed)

    def __len__(self) -> int:
        return len(self._parsed)

    def knows(self, name: str) -> bool:
        """Whether the stack file declares it, readable or not."""
        return name in self._parsed or not self._unread.isdisjoint((self._section, f"{self._section}.{name}"))

    @property
    def complete(self) -> bool:
        """Whether every entry parsed."""
        return not any(path == self._section or path.startswith(f"{self._section}.") for path in self._unread)


def listed(names: Iterable[str]) -> str:
    """Names for a sentence, in the order given."""
    return ", ".join(names) or "none"
