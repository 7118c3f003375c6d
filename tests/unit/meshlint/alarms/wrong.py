"""Objects that are wrong on purpose: Istio's validator refuses them, or Istio's analyzers name them.

Three sources, all Istio's own: the verdict of its webhook and CRDs on each object, what `istioctl analyze` says of each
file, and what the analyzers' own tests expect of it. The result is committed, so that counting needs neither.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from meshlint.load import Loaded, load_bytes
from meshlint.view.manifest import Manifest
from tests.unit.meshlint.alarms.corpus import Piece, istio
from tests.unit.meshlint.validation.authority import verdicts
from tests.unit.meshlint.validation.valid_objects import api_versions

COMMITTED = Path(__file__).with_name("wrong.json")

ANALYZERS = "pkg/config/analysis/analyzers"

Wrong = dict[str, dict[str, str]]
"""By `FILE` or `FILE#DOCUMENT`: each object that is wrong, KIND/NAMESPACE/NAME, and who says why."""


def place(piece: Piece) -> str:
    return f"{piece.file}#{piece.number}" if piece.number else piece.file


def committed() -> Wrong:
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def measured(pieces: Iterable[Piece], *, validator: Path, crds: Path, istioctl: Path) -> Wrong:
    """Ask Istio's tools about every object."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    listed = list(pieces)
    for piece, key, reason in _refused(listed, validator, crds):
        found[place(piece)].setdefault(key, f"refused: {reason}")
    for piece in listed:
        for key, code in _analyzed(piece, istioctl):
            found[place(piece)].setdefault(key, f"istioctl analyze: {code}")
    for file, key, message in _expected():
        found[file].setdefault(key, f"expected by the analyzers' tests: {message}")
    return {name: dict(sorted(wrong.items())) for name, wrong in sorted(found.items())}


def _refused(pieces: Sequence[Piece], validator: Path, crds: Path) -> Iterable[tuple[Piece, str, str]]:
    asked: list[tuple[Piece, Mapping[str, Any]]] = []
    for piece in pieces:
        loaded = Loaded()
        load_bytes(piece.text, piece.file, loaded, explicit=False)
        asked += ((piece, obj) for obj in loaded.objects if _of_istio(obj))
    said = verdicts(validator, crds, [json.loads(json.dumps(obj, default=str)) for _, obj in asked])
    for (piece, obj), verdict in zip(asked, said, strict=True):
        if verdict.refused:
            yield piece, Manifest(obj, 0).key, verdict.message


def _of_istio(obj: Mapping[str, Any]) -> bool:
    group = str(obj.get("apiVersion", "")).partition("/")[0]
    return obj.get("kind") in api_versions() and group.endswith(".istio.io") and isinstance(obj.get("spec"), dict)


def _analyzed(piece: Piece, istioctl: Path) -> Iterable[tuple[str, str]]:
    command = [str(istioctl), "analyze", "--use-kube=false", "--all-namespaces", "--output", "json", "-"]
    done = subprocess.run(command, input=piece.text, capture_output=True, check=False)
    if not done.stdout.lstrip().startswith(b"["):
        return
    for message in json.loads(done.stdout):
        if message["level"] != "Info":
            yield _key(str(message.get("origin", ""))), message["code"]


_INPUTS = re.compile(r"inputFiles:\s*\[\]string\{(?P<files>.*?)\}", re.DOTALL)
_MESSAGE = re.compile(r'\{msg\.(?P<message>\w+),\s*"(?P<origin>[^"]+)"')


def _expected() -> Iterable[tuple[str, str, str]]:
    """(file, object, message) that the tests of Istio's analyzers expect."""
    source = (istio() / ANALYZERS / "analyzers_test.go").read_text(encoding="utf-8")
    for inputs in _INPUTS.finditer(source):
        case = source[inputs.end() :].partition("inputFiles:")[0]
        for file in re.findall(r'"([^"]+)"', inputs["files"]):
            for message in _MESSAGE.finditer(case):
                yield f"{ANALYZERS}/{file}", _key(message["origin"]), message["message"]


CLUSTER_WIDE = ("Namespace", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def _key(origin: str) -> str:
    """`VirtualService default/foo` as KIND/NAMESPACE/NAME; `Gateway foo` is of the default namespace."""
    kind, _, name = origin.partition(" ")
    return f"{kind}/{name}" if "/" in name or kind in CLUSTER_WIDE else f"{kind}/default/{name}"
