"""How Istio reads host names: short names, wildcards, and which pattern covers which host."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def fqdn(host: str, namespace: str, domain: str = "cluster.local") -> str:
    """A host as istiod resolves it: a name without a dot is a Service of the object's own namespace.

    Source: `ResolveShortnameToFQDN` in Istio's pilot; `name.namespace` is *not* expanded.
    """
    if not host or "." in host or host == "*":
        return host.lower()
    return f"{host}.{namespace}.svc.{domain}".lower()


def covers(pattern: str, host: str) -> bool:
    """Whether a host pattern (`*`, `*.example.com`, a name) covers a host or a narrower pattern."""
    if pattern in ("*", host):
        return True
    return pattern.startswith("*") and host.endswith(pattern[1:])


def overlap(left: str, right: str) -> bool:
    """Whether some host falls under both patterns."""
    return covers(left, right) or covers(right, left)


def is_external(host: str, domain: str = "cluster.local") -> bool:
    """Whether a host is a name outside the cluster's own DNS."""
    return "." in host and not host.endswith((f".svc.{domain}", ".svc", ".local", ".internal.svc"))


class HostIndex(Generic[T]):
    """Items by the host patterns they carry, so that looking one up does not go through all of them."""

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, list[T]] = defaultdict(list)
        self._wildcards: dict[str, list[T]] = defaultdict(list)
        self._below: dict[str, list[T]] = defaultdict(list)
        """Items by every suffix of their pattern: what a wildcard covers."""
        self._all: list[T] = []
        for pattern, item in items:
            host = pattern.lower()
            self._all.append(item)
            if host.startswith("*"):
                self._wildcards[host[1:]].append(item)
            else:
                self._exact[host].append(item)
            for suffix in _suffixes(host.lstrip("*")):
                self._below[suffix].append(item)

    def covering(self, host: str) -> list[T]:
        """Items whose pattern covers the host (or a narrower pattern)."""
        bare = host.lstrip("*")
        found = list(self._exact.get(host, ()))
        for suffix in ("", *_suffixes(bare)):
            found += self._wildcards.get(suffix, ())
        return found

    def overlapping(self, host: str) -> list[T]:
        """Items whose pattern has a host in common with this one."""
        if not host.startswith("*"):
            return self.covering(host)
        if host == "*":
            return self._all
        return [*self.covering(host), *self._below.get(host[1:], ())]


def _suffixes(host: str) -> list[str]:
    """`a.b.c` ends with `.b.c` and `.c`; a leading dot counts as one of them."""
    starts = [position for position, character in enumerate(host) if character == "."]
    return [host[start:] for start in starts]
