"""Images are docker-archives whose digests depend on their content alone."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from lab.docker_archive import Image, Layer, shared_libraries, write_archive


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o750)
    return path


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {member.name: member for member in tar}


def test_a_layer_holds_files_texts_links_and_directories(program: Path, tmp_path: Path) -> None:
    layer = Layer(
        files={"/usr/bin/program": program},
        texts={"/etc/passwd": "root:x:0:0::/:/bin/sh\n"},
        links={"/bin/sh": "busybox"},
        directories={"/var/spool": 0o1777},
    )
    layer.write(tmp_path / "layer.tar")
    found = members(tmp_path / "layer.tar")
    assert found["usr/bin/program"].mode == 0o755
    assert found["etc/passwd"].mode == 0o644
    assert found["bin/sh"].linkname == "busybox"
    assert found["var/spool"].mode == 0o1777
    assert found["usr"].isdir()
    assert {(one.uid, one.gid, one.mtime) for one in found.values()} == {(0, 0, 0)}


def test_the_same_content_has_the_same_digest_whenever_it_was_written(program: Path, tmp_path: Path) -> None:
    layer = Layer(files={"/program": program}, texts={"/a": "a", "/b": "b"})
    layer.write(tmp_path / "one.tar")
    os.utime(program, (1, 1))
    Layer(files={"/program": program}, texts={"/b": "b", "/a": "a"}).write(tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_tree_keeps_its_links_and_leaves_out_what_is_skipped(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "product" / "__pycache__").mkdir(parents=True)
    (tree / "product" / "__pycache__" / "module.pyc").touch()
    (tree / "product" / "module.py").touch()
    (tree / "latest").symlink_to("product")
    Layer(trees={"/opt": tree}).write(tmp_path / "layer.tar")
    found = members(tmp_path / "layer.tar")
    assert set(found) == {"opt", "opt/product", "opt/product/module.py", "opt/latest"}
    assert found["opt/latest"].linkname == "product"


@pytest.mark.parametrize(
    "other",
    [
        Layer(texts={"/a": "b"}),
        Layer(texts={"/b": "a"}),
        Layer(links={"/a": "a"}),
        Layer(directories={"/a": 0o755}),
    ],
)
def test_the_key_changes_with_the_content(other: Layer) -> None:
    assert Layer(texts={"/a": "a"}).key() != other.key()


def test_an_images_key_changes_with_how_it_starts() -> None:
    layers = [Layer(texts={"/a": "a"})]
    plain = Image("docker.io/lab/a:lab", layers, ("/a",))
    assert plain.key() == Image("docker.io/lab/a:lab", layers, ("/a",)).key()
    for other in (
        Image("docker.io/lab/a:lab", layers, ("/a",), user="1:1"),
        Image("docker.io/lab/a:lab", layers, ("/b",)),
        Image("docker.io/lab/a:lab", layers, ("/a",), environment={"A": "1"}),
        Image("docker.io/lab/a:lab", [*layers, *layers], ("/a",)),
    ):
        assert other.key() != plain.key()


def test_the_archive_names_the_image_and_its_layers_by_digest(tmp_path: Path) -> None:
    base, top = Layer(texts={"/base": "base"}), Layer(texts={"/top": "top"})
    image = Image("docker.io/lab/app:lab", [base, top], ("/app", "serve"), "1337:1337", {"MODE": "lab"})
    write_archive(image, tmp_path / "layers", tmp_path / "app.tar")
    with tarfile.open(tmp_path / "app.tar") as tar:
        content = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    (manifest,) = json.loads(content["manifest.json"])
    config = json.loads(content[manifest["Config"]])
    assert manifest["RepoTags"] == ["docker.io/lab/app:lab"]
    assert config["config"]["Entrypoint"] == ["/app", "serve"]
    assert config["config"]["User"] == "1337:1337"
    assert "MODE=lab" in config["config"]["Env"]
    digests = [f"sha256:{hashlib.sha256(content[name]).hexdigest()}" for name in manifest["Layers"]]
    assert config["rootfs"]["diff_ids"] == digests


def test_a_layer_is_written_once_for_all_images(tmp_path: Path) -> None:
    base = Layer(texts={"/base": "base"})
    for name in ("one", "two"):
        write_archive(
            Image(f"docker.io/lab/{name}:lab", [base], ("/a",)), tmp_path / "layers", tmp_path / f"{name}.tar"
        )
    assert len(list((tmp_path / "layers").glob("*.tar"))) == 1


def test_a_static_program_needs_no_libraries_and_a_dynamic_one_its_loader() -> None:
    assert any("ld-linux" in path for path in shared_libraries(Path("/bin/ls")))
    assert shared_libraries(Path("/bin/busybox")) == {}
