"""Container images without Docker: layers and docker-archive files, written with ``tarfile``.

The format is what ``docker save`` writes and ``ctr images import`` reads: a JSON configuration, layers as tar files,
and a manifest (https://github.com/moby/docker-image-spec). Everything in a layer has fixed times and owners, so that
the same content gives the same digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lab.failure import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Layer:
    """The content of one layer, by absolute path inside the image.

    Attributes:
        files: Path -> file of this machine; symbolic links are followed.
        texts: Path -> text.
        links: Path -> target of a symbolic link.
        directories: Path -> mode.
        trees: Path -> directory of this machine, copied with its symbolic links; ``__pycache__`` and ``skipped`` names
            are left out.
        skipped: Names of files and directories that are left out of ``trees``.
    """

    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    directories: Mapping[str, int] = field(default_factory=dict[str, int])
    trees: Mapping[str, Path] = field(default_factory=dict[str, Path])
    skipped: frozenset[str] = frozenset({"__pycache__"})

    def key(self) -> str:
        """Changes with what the layer is made of: paths, texts, and size and time of every file."""
        digest = hashlib.sha256()

        def add(*parts: object) -> None:
            digest.update("\0".join(map(str, parts)).encode() + b"\n")

        for path, source in sorted(self.files.items()):
            about = source.stat()
            add("file", path, source, about.st_size, about.st_mtime_ns)
        for kind, entries in (("text", self.texts), ("link", self.links), ("directory", self.directories)):
            for path, value in sorted(entries.items()):
                add(kind, path, value)
        for path, source in self._tree_entries():
            about = source.lstat()
            add(
                "tree",
                path,
                about.st_size if not source.is_dir() else "",
                about.st_mtime_ns if not source.is_dir() else "",
            )
        return digest.hexdigest()

    def _tree_entries(self) -> Iterable[tuple[str, Path]]:
        for target, root in sorted(self.trees.items()):
            for directory, names, files in os.walk(root):
                names[:] = sorted(name for name in names if name not in self.skipped)
                below = PurePosixPath(target) / Path(directory).relative_to(root)
                yield str(below), Path(directory)
                links = [name for name in names if (Path(directory) / name).is_symlink()]
                for name in sorted([*links, *(file for file in files if file not in self.skipped)]):
                    yield str(below / name), Path(directory) / name

    def write(self, target: Path) -> None:
        """Write the layer as a tar file."""
        entries: dict[str, tarfile.TarInfo] = {}
        content: dict[str, Path | bytes] = {}

        def entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
            info = tarfile.TarInfo(path.lstrip("/"))
            info.type, info.mode = kind, mode
            entries[info.name] = info
            return info

        def add_file(path: str, source: Path) -> None:
            about = source.stat()
            entry(path, tarfile.REGTYPE, 0o755 if about.st_mode & stat.S_IXUSR else 0o644).size = about.st_size
            content[path.lstrip("/")] = source

        for path, mode in self.directories.items():
            entry(path, tarfile.DIRTYPE, mode)
        for path, source in self._tree_entries():
            if source.is_symlink():
                entry(path, tarfile.SYMTYPE, 0o777).linkname = os.readlink(source)
            elif source.is_dir():
                entry(path, tarfile.DIRTYPE, 0o755)
            elif source.is_file():
                add_file(path, source)
        for path, source in self.files.items():
            add_file(path, source)
        for path, text in self.texts.items():
            data = text.encode()
            entry(path, tarfile.REGTYPE, 0o644).size = len(data)
            content[path.lstrip("/")] = data
        for path, linked in self.links.items():
            entry(path, tarfile.SYMTYPE, 0o777).linkname = linked
        for name in list(entries):
            for parent in PurePosixPath(name).parents:
                if str(parent) != "." and str(parent) not in entries:
                    entry(str(parent), tarfile.DIRTYPE, 0o755)
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(entries):
                data = content.get(name)
                if data is None:
                    tar.addfile(entries[name])
                elif isinstance(data, bytes):
                    tar.addfile(entries[name], io.BytesIO(data))
                else:
                    with data.open("rb") as file:
                        tar.addfile(entries[name], file)


@dataclass(frozen=True)
class Image:
    """An image: its full name, its layers from the lowest up, and how its processes start.

    Attributes:
        name: Name with registry and tag, as a pod asks for it.
        layers: Content, the lowest first.
        entrypoint: Program and first arguments.
        user: ``UID:GID`` unless a pod says otherwise.
        environment: Variables of every process.
    """

    name: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str]
    user: str = "0:0"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def key(self) -> str:
        """Changes with anything of the image."""
        settings = json.dumps([self.name, list(self.entrypoint), self.user, dict(self.environment)], sort_keys=True)
        return hashlib.sha256("\n".join([settings, *(layer.key() for layer in self.layers)]).encode()).hexdigest()[:24]


def write_archive(image: Image, layer_cache: Path, target: Path) -> None:
    """Write an image as a docker-archive; layers are kept in ``layer_cache`` by content key and used again."""
    layer_cache.mkdir(parents=True, exist_ok=True)
    layers = [_cached_layer(layer, layer_cache) for layer in image.layers]
    config = json.dumps(
        {
            "architecture": _architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": list(image.entrypoint),
                "User": image.user,
                "WorkingDir": "/",
                "Env": [
                    f"{name}={value}"
                    for name, value in sorted(
                        {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **image.environment}.items()
                    )
                ],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for _, digest in layers]},
        },
        sort_keys=True,
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": [image.name], "Layers": [f"{digest}/layer.tar" for _, digest in layers]}]
    ).encode()
    unfinished = target.with_name(f".{target.name}.unfinished")
    with tarfile.open(unfinished, "w") as tar:
        for name, data in ((config_name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for path, digest in {digest: (path, digest) for path, digest in layers}.values():
            info = tarfile.TarInfo(f"{digest}/layer.tar")
            info.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(info, file)
    unfinished.replace(target)


def _cached_layer(layer: Layer, cache: Path) -> tuple[Path, str]:
    """A layer's tar file and its digest, which is kept beside it."""
    path = cache / f"{layer.key()}.tar"
    digest_file = path.with_suffix(".sha256")
    if not (path.exists() and digest_file.exists()):
        unfinished = path.with_suffix(f".{os.getpid()}.unfinished")
        layer.write(unfinished)
        with unfinished.open("rb") as file:
            digest_file.write_text(hashlib.file_digest(file, "sha256").hexdigest(), encoding="ascii")
        unfinished.replace(path)
    return path, digest_file.read_text(encoding="ascii")


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def shared_libraries(program: Path) -> dict[str, Path]:
    """The loader and shared libraries that a dynamically linked program needs, as ``ldd`` resolves them here.

    A static program needs none. The keys are the paths under which the program looks for them.
    """
    done = subprocess.run(["/usr/bin/ldd", str(program)], capture_output=True, text=True, check=False)
    if "not a dynamic executable" in done.stderr + done.stdout or "statically linked" in done.stdout:
        return {}
    if done.returncode != 0:
        raise LabError(f"`ldd {program}` failed: {done.stderr.strip()}.")
    found: dict[str, Path] = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            raise LabError(f"{program} needs {words[0]}, which this machine lacks. Install the package that has it.")
        path = next((word for word in words if word.startswith("/")), None)
        if path:
            found[path] = Path(path).resolve()
    return found
