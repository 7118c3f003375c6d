"""The lab's containerd as its client ``ctr`` sees it: does it answer, which images does it have, import of another."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from lab import debian, node
from lab.docker_archive import write_archive
from lab.failure import LabError
from lab.state import State, cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.docker_archive import Image


class Runtime:
    """containerd of one lab, through ``ctr`` in the kubelet's namespace."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._command = [
            debian.command("ctr"),
            "--address",
            str(node.containerd_socket(state)),
            "--namespace",
            "k8s.io",
        ]

    def run(self, *arguments: str, timeout: float = 120) -> str:
        try:
            done = subprocess.run(
                [*self._command, *arguments], capture_output=True, text=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(
                f"containerd has not answered `ctr {' '.join(arguments)}` within {timeout:.0f} s. "
                f"Its log is {self._state.logs / 'containerd.log'}; `python -m lab up` starts it anew when it hangs."
            ) from error
        if done.returncode != 0:
            raise LabError(
                f"`ctr {' '.join(arguments)}` failed: {done.stderr.strip()[-400:]}. "
                "If containerd has stopped, `python -m lab up` starts it again; its log is "
                f"{self._state.logs / 'containerd.log'}."
            )
        return done.stdout

    def answers(self) -> bool:
        """Whether containerd answers within two seconds."""
        try:
            done = subprocess.run([*self._command, "version"], capture_output=True, check=False, timeout=2)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def image_names(self) -> set[str]:
        return set(self.run("images", "ls", "--quiet").split())

    def ensure(self, image: Image, present: set[str]) -> bool:
        """Import an image unless the same content is there; True when it was imported."""
        mark = self._state.images / re.sub(r"[^a-z0-9]+", "-", image.name)
        key = image.key()
        if image.name in present and mark.exists() and mark.read_text(encoding="ascii") == key:
            return False
        archive = self._state.images / f"{mark.name}.tar"
        write_archive(image, cache_directory() / "layers", archive)
        try:
            self.run("images", "import", "--snapshotter", "overlayfs", str(archive))
        finally:
            archive.unlink(missing_ok=True)
        mark.write_text(key, encoding="ascii")
        return True

    def ensure_all(self, images: Iterable[Image]) -> None:
        """Import every image that is not there yet in its present content."""
        present = self.image_names()
        kept = set[str]()
        for image in images:
            self.ensure(image, present)
            kept.update(layer.key() for layer in image.layers)
        for file in (cache_directory() / "layers").glob("*"):
            if file.name.partition(".")[0] not in kept:
                file.unlink()  # of an earlier interpreter, toolchain or state directory
