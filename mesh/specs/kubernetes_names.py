"""What the API server takes as names, labels, annotations and quantities; it tells no preview, only the `up`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from chatgpt_mesh.mesh.specs.scalar import refuse, text_like

LONGEST_LABEL = 63
"""Characters of a label's value, of a Service's name and of a namespace's."""

LONGEST_NAME = 253
"""Characters of most other names."""

_PREFIX = r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*/)?"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

if TYPE_CHECKING:
    LabelKey = str
    LabelValue = str
    ObjectName = str
    ServiceName = str
    EnvironmentName = str
else:
    LabelKey = text_like(
        f"{_PREFIX}{_WORD}",
        "must be a key of Kubernetes labels and annotations: letters, digits, '-', '_' and '.', at most 63, with an "
        "optional domain and '/' before it",
        longest=LONGEST_NAME + 1 + LONGEST_LABEL,
        examples=["app", "example.com/team"],
    )
    LabelValue = text_like(
        f"({_WORD})?",
        "must be a value of a Kubernetes label: letters, digits, '-', '_' and '.', at most 63, starting and ending "
        "with a letter or digit",
        longest=LONGEST_LABEL,
        examples=["weather"],
    )
    ObjectName = text_like(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*",
        "must be a name of Kubernetes: lower-case letters, digits, '-' and '.', at most 253",
        longest=LONGEST_NAME,
        examples=["system-cluster-critical"],
    )
    ServiceName = text_like(
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "must be a name of a Service: lower-case letters, digits and '-', at most 63, starting with a letter",
        longest=LONGEST_LABEL,
        examples=["weather"],
    )
    EnvironmentName = text_like(
        r"[A-Za-z_][A-Za-z0-9_]*",
        "must be a name of an environment variable: letters, digits and '_', not starting with a digit",
        longest=200,
        examples=["PILOT_TRACE_SAMPLING"],
    )

Labels = dict[LabelKey, LabelValue]
"""Kubernetes labels, key to value."""

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?"
)
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_LARGEST = 2**63 - 1


def amount(text: str) -> Decimal | None:
    """A quantity in its unit (cores, bytes), or None where it is none.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        return None
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix]
    power = _POWERS[suffix] if suffix in _POWERS else int(suffix[1:] or 0)
    return number.scaleb(power)


def _cpu(text: str) -> str:
    cores = amount(text)
    if cores is None or not Decimal("0.001") <= cores <= _LARGEST:
        raise refuse('must be processors as Kubernetes writes them, at least "1m": "500m" is half a processor, "2" two')
    return text


def _memory(text: str) -> str:
    size = amount(text)
    # Less is no container's memory but a slip of the suffix: "512m" is half a byte, and "512" are bytes.
    if size is None or not 1024**2 <= size <= _LARGEST:
        raise refuse('must be memory as Kubernetes writes it, at least "1Mi": "256Mi", "2Gi" (m is a thousandth)')
    return text


Cpu = Annotated[str, AfterValidator(_cpu)]
"""Processors as a Kubernetes quantity: `500m`, `"2"`."""

Memory = Annotated[str, AfterValidator(_memory)]
"""Memory as a Kubernetes quantity: `256Mi`, `2Gi`."""


def belongs_to_kubernetes(namespace: str) -> str | None:
    """Why nothing of a stack may live in a namespace, or None where it may."""
    if namespace.startswith("kube-"):
        return "belongs to Kubernetes; choose another"
    if namespace == "default":
        return (
            "is where whatever names no namespace lands, and what this program declares there would hold for all of "
            "it; choose a namespace of its own"
        )
    return None


def _own_namespace(namespace: str) -> str:
    if refusal := belongs_to_kubernetes(namespace):
        raise refuse(refusal)
    return namespace


OwnNamespace = AfterValidator(_own_namespace)
"""For the name of a namespace that this program makes or writes to."""
