"""What Istio takes as a WorkloadGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, every, filled, longest, one_of, problem, whole
from meshlint.validation.service_entry import UNIX, UNLABELLED_WORKLOAD
from meshlint.validation.values import labels, port, unix_path

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest


def _header(value: Json) -> Problems:
    name = value.get("name", "")
    if name and all(character.isalnum() or character == "-" for character in name) and name.isascii():
        return NONE
    return problem(f"is {name!r}, no header's name", "write letters, digits and hyphens", "name")


def _scheme(value: str) -> Problems:
    return NONE if value in ("", "HTTP", "HTTPS") else problem(f"is {value!r}", "write HTTP or HTTPS")


_NOT_NEGATIVE = whole(0)
_PROBE = Message(
    {
        "periodSeconds": _NOT_NEGATIVE,
        "initialDelaySeconds": _NOT_NEGATIVE,
        "timeoutSeconds": _NOT_NEGATIVE,
        "successThreshold": _NOT_NEGATIVE,
        "failureThreshold": _NOT_NEGATIVE,
        "httpGet": Message({"port": port, "scheme": _scheme, "httpHeaders": each(_header)}),
        "tcpSocket": Message({"port": port}),
        "exec": Message({"command": each(filled)}),
    },
    one_of("httpGet", "tcpSocket", "exec", "grpc"),
)


def _method(probe: Json) -> Problems:
    if "exec" in probe and not probe["exec"].get("command"):
        return problem("is empty", "write the command", "exec", "command")
    if any(name in probe for name in ("httpGet", "tcpSocket", "exec")):
        return NONE
    return problem("has neither httpGet, tcpSocket nor exec", "write one of them")


def _template(value: Json) -> Problems:
    address: str = value.get("address", "")
    if not address.startswith(UNIX):
        return NONE
    found = below("address", unix_path(address.removeprefix(UNIX)))
    return found + (problem("is set beside a Unix socket", "remove it", "ports") if "ports" in value else NONE)


_GROUP = Message(
    {
        "metadata": Message({"labels": every(labels, longest(256)), "annotations": longest(256)}),
        "template": every(UNLABELLED_WORKLOAD, _template),
        "probe": every(_PROBE, _method),
    }
)


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this WorkloadGroup, by its place in the spec."""
    return _GROUP(obj.spec)
