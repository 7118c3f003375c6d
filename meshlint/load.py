"""Read manifests from files, directories and standard input, remembering the line of everything."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, cast

from meshlint import schemas
from meshlint.acceptance import CODE as ACCEPTANCE
from meshlint.finding import Acceptance, Severity
from meshlint.rendered import RenderError, is_chart, is_kustomization, output_of, renderer
from meshlint.view.charts import helm_values
from meshlint.view.manifest import Manifest
from meshlint.yaml_document import UnreadableError, compose, line_of, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import yaml

    from meshlint.finding import Path

UNREADABLE = "MCP001"
DUPLICATE_KEY = "MCP002"

MAX_BYTES = 64 * 1024 * 1024
"""The size above which a file is not read: about 50,000 objects."""

TEMPLATE = "templates; name the chart's directory, or render them: `helm template ... | meshlint lint -`"
"""Why templates are passed over."""

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"

_SEPARATOR = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_ACCEPT = re.compile(r"#\s*accept:\s*(?P<rest>.*)")
_ACCEPT_FORM = re.compile(r"(?P<code>MCP\d{3})\s+until\s+(?P<until>\d{4}-\d{2}-\d{2})\s+because\s+(?P<why>\S.*)")


@dataclass(slots=True)
class Chunk:
    """The text between two document separators."""

    file: str
    text: bytes
    first_line: int
    _nodes: list[yaml.Node] | None = None

    def line_of(self, document: int, path: Path) -> int:
        """The line, in the file, of a path in one of the chunk's documents."""
        if self._nodes is None:
            try:
                self._nodes = compose(self.text)
            except UnreadableError:
                self._nodes = []
        return self.first_line + line_of(self._nodes, document, path) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands: in which document of which chunk, and under which path there."""

    chunk: Chunk
    document: int
    prefix: Path = ()
    stands_for: Path = ()
    """The leading part of the object's paths that the document does not have (a values file has no `values`)."""

    def line_of(self, path: Path) -> int:
        """The line of a path of the object; the stand-in's own levels do not count."""
        if path[: len(self.stands_for)] == self.stands_for:
            path = path[len(self.stands_for) :]
        return self.chunk.line_of(self.document, (*self.prefix, *path))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong with the text itself."""

    code: str
    severity: Severity
    file: str
    line: int
    message: str
    object: str = ""


@dataclass(slots=True)
class Loaded:
    """The objects of all files, where each stands, and what could not be read."""

    objects: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    places: list[Place] = field(default_factory=list[Place])
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    acceptances: list[Acceptance] = field(default_factory=list[Acceptance])
    passed_over: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(file, reason) of what was not checked, on purpose."""

    def trouble(self, code: str, file: str, line: int, message: str, severity: Severity = Severity.ERROR) -> None:
        """Report what is wrong with the text itself, before any rule sees an object."""
        self.troubles.append(Trouble(code, severity, file, line, message))


def load(arguments: Sequence[str], *, render: bool = False) -> Loaded:
    """Everything in the named files and directories. `-` is standard input.

    `render`: a named directory that is a chart or a kustomization is made into manifests, where its tool is here.

    Raises FileNotFoundError for a name that does not exist.
    """
    loaded = Loaded()
    for argument in arguments:
        if argument == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                _too_big(loaded, STDIN)
            else:
                load_bytes(data, STDIN, loaded, explicit=True)
            continue
        path = FilePath(argument)
        if path.is_dir():
            if render and _load_rendered(path, loaded):
                continue
            for file in _files(path, loaded):
                _load_file(file, loaded, explicit=False)
        elif path.exists():
            _load_file(path, loaded, explicit=True)
        else:
            raise FileNotFoundError(argument)
    return loaded


def _load_rendered(directory: FilePath, loaded: Loaded) -> bool:
    """Whether the directory was made into manifests; what its tool says if it fails is a finding."""
    if not is_chart(directory) and not is_kustomization(directory):
        return False
    command = renderer(directory)
    if command is None:
        tools = "helm" if is_chart(directory) else "kustomize or kubectl"
        loaded.passed_over.append(
            (str(directory), f"not rendered, since {tools} is not on the PATH; its files were read")
        )
        return False
    try:
        load_bytes(output_of(command), str(directory), loaded, explicit=True)
    except RenderError as error:
        loaded.trouble(UNREADABLE, str(directory), 1, f"cannot be rendered: {error}; mend it, or pass --no-render.")
    return True


def _files(directory: FilePath, loaded: Loaded) -> Iterator[FilePath]:
    """YAML and JSON files below a directory; hidden ones and a chart's unrendered templates are passed over."""
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        loaded.trouble(UNREADABLE, str(directory), 1, f"cannot be read: {error.strerror}; check its permissions.")
        return
    is_chart = any(entry.name == "Chart.yaml" for entry in entries)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            if is_chart and entry.name == "templates":
                loaded.passed_over.append((str(entry), TEMPLATE))
                continue
            yield from _files(entry, loaded)
        elif entry.suffix in SUFFIXES and entry.is_file():
            yield entry


def _load_file(path: FilePath, loaded: Loaded, *, explicit: bool) -> None:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            _too_big(loaded, str(path))
            return
        data = path.read_bytes()
    except OSError as error:
        loaded.trouble(UNREADABLE, str(path), 1, f"cannot be read: {error.strerror}; check its permissions.")
        return
    load_bytes(data, str(path), loaded, explicit=explicit)


def _too_big(loaded: Loaded, file: str) -> None:
    limit = MAX_BYTES // (1024 * 1024)
    loaded.trouble(UNREADABLE, file, 1, f"is larger than {limit} MiB and was not read; split it into several files.")


def load_bytes(data: bytes, file: str, loaded: Loaded, *, explicit: bool) -> None:
    """Read every document of one file; one that is broken is reported and the others are read all the same.

    `explicit` says that somebody named this very file: then a document that holds no object is a finding too.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    found_before = len(loaded.objects) + len(loaded.troubles)
    heading = b""
    for chunk in _chunks(data, file):
        body = chunk.text.partition(b"---")[2] if chunk.text.startswith(b"---") else chunk.text
        if not _says_something(body):
            heading = body
            continue
        _read_chunk(chunk, heading, loaded, explicit=explicit)
        heading = b""
    if explicit and len(loaded.objects) + len(loaded.troubles) == found_before:
        message = "holds no Kubernetes object and no values of an Istio chart; name the files with the manifests."
        loaded.trouble(UNREADABLE, file, 1, message, Severity.WARNING)


def _chunks(data: bytes, file: str) -> Iterator[Chunk]:
    starts = [match.start() for match in _SEPARATOR.finditer(data)]
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    line = 1
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        text = data[start:end]
        yield Chunk(file, text, line)
        line += text.count(b"\n")


_ONLY_COMMENTS = re.compile(rb"\s*(?:#[^\n]*(?:\n|\Z)\s*|%[^\n]*(?:\n|\Z)\s*)*\Z")


def _says_something(body: bytes) -> bool:
    return _ONLY_COMMENTS.match(body) is None


def _read_chunk(chunk: Chunk, heading: bytes, loaded: Loaded, *, explicit: bool) -> None:
    try:
        chunk.text.decode()
    except UnicodeDecodeError as error:
        line = chunk.first_line + chunk.text.count(b"\n", 0, error.start)
        message = f"has the byte 0x{chunk.text[error.start]:02x}, which is not UTF-8; save the file as UTF-8."
        loaded.trouble(UNREADABLE, chunk.file, line, message)
        return
    try:
        found, duplicates = values(chunk.text)
    except UnreadableError as error:
        if b"{{" in chunk.text and not explicit:
            loaded.passed_over.append((chunk.file, TEMPLATE))
        else:
            _report_unreadable(error, chunk, loaded)
        return
    for duplicate in duplicates:
        message = f"the key {duplicate.key!r} stands twice in one mapping, and only the last counts; keep one of them."
        loaded.trouble(DUPLICATE_KEY, chunk.file, chunk.first_line + duplicate.line - 1, message)
    first_object = len(loaded.objects)
    for document, value in enumerate(found):
        _take(value, Place(chunk, document), loaded, explicit=explicit)
    if b"accept:" in chunk.text or b"accept:" in heading:
        _read_acceptances(chunk, heading, first_object, loaded)


def _report_unreadable(error: UnreadableError, chunk: Chunk, loaded: Loaded) -> None:
    line = chunk.first_line + error.line - 1
    if b"{{" in chunk.text:
        mend = "it looks like a template: render it first (`helm template ... | meshlint lint -`)"
    else:
        mend = "correct the document; the others were checked"
    loaded.trouble(UNREADABLE, chunk.file, line, f"the document at line {chunk.first_line} {error.message}; {mend}.")


def _take(value: Any, place: Place, loaded: Loaded, *, explicit: bool) -> None:
    """Add the objects of one document: an object, the items of a list, or a chart's values."""
    if value is None:
        return
    if not isinstance(value, dict):
        if explicit:
            line = place.line_of(())
            message = f"is a {type(value).__name__}, not a Kubernetes object; start it with apiVersion and kind."
            loaded.trouble(UNREADABLE, place.chunk.file, line, f"the document at line {line} {message}")
        else:
            loaded.passed_over.append((place.chunk.file, "not a Kubernetes object"))
        return
    document = cast("dict[str, Any]", value)
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(document.get("items"), list):
        for position, item in enumerate(cast("list[Any]", document["items"])):
            _take(
                item, Place(place.chunk, place.document, (*place.prefix, "items", position)), loaded, explicit=explicit
            )
        return
    if isinstance(kind, str) and isinstance(document.get("apiVersion"), str):
        loaded.objects.append(document)
        loaded.places.append(place)
        return
    chart = chart_of(document, FilePath(place.chunk.file).name)
    if chart == "MeshConfig":
        loaded.objects.append(helm_values("istiod", {"meshConfig": document}))
        loaded.places.append(Place(place.chunk, place.document, place.prefix, ("values", "meshConfig")))
    elif chart:
        loaded.objects.append(helm_values(chart, document))
        loaded.places.append(Place(place.chunk, place.document, place.prefix, ("values",)))
    elif ("kind" in document or "apiVersion" in document) and (
        explicit or "istio.io" in str(document.get("apiVersion"))
    ):
        missing = "kind" if "apiVersion" in document else "apiVersion"
        line = place.line_of(())
        message = f"the document at line {line} has no {missing} (a string); add it, or the object is refused."
        loaded.trouble(UNREADABLE, place.chunk.file, line, message)
    else:
        loaded.passed_over.append((place.chunk.file, "not a Kubernetes object"))


_CHART_WORDS = {"istiod": "istiod", "pilot": "istiod", "ztunnel": "ztunnel", "cni": "cni", "gateway": "gateway"}


def chart_of(document: dict[str, Any], file_name: str) -> str:
    """Which of Istio's charts a values file is for; `MeshConfig` for a bare one; empty if it is for neither.

    A document counts as values where its keys are known to the chart and either `meshConfig` or the file's name says
    so; other projects' values files are not ours to judge.
    """
    keys = set(document)
    if "meshConfig" in keys:
        return "istiod"
    if len(keys) > 1 and keys <= set(schemas.load("mesh_config")["MeshConfig"]):
        return "MeshConfig"
    tables = schemas.load("chart_values")
    for word, chart in _CHART_WORDS.items():
        if word in file_name.lower() and 2 * len(keys & set(tables[chart])) >= len(keys) > 0:
            return chart
    return ""


def _read_acceptances(chunk: Chunk, heading: bytes, first_object: int, loaded: Loaded) -> None:
    keys = frozenset(_key_of(obj) for obj in loaded.objects[first_object:])
    heading_line = chunk.first_line - heading.count(b"\n")
    for text, first_line in ((heading, heading_line), (chunk.text, chunk.first_line)):
        for offset, line in enumerate(text.decode(errors="replace").splitlines()):
            comment = _ACCEPT.search(line)
            if comment is None:
                continue
            where = f"{chunk.file}:{first_line + offset}"
            form = _ACCEPT_FORM.match(comment["rest"])
            until = _day(form["until"]) if form else None
            if form is None or until is None:
                message = (
                    f"{comment.group()!r} is no acceptance; write `# accept: MCP107 until 2027-01-31 because REASON`."
                )
                loaded.trouble(ACCEPTANCE, chunk.file, first_line + offset, message)
                continue
            loaded.acceptances.append(Acceptance(form["code"], keys, until, form["why"].strip(), where))


def _key_of(obj: dict[str, Any]) -> str:
    return Manifest(obj, 0).key


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
