"""The pages as a site: every link leads somewhere, nothing is asked of another server, and no page is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml

from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

REPOSITORY = "https://git.example.com/acme/mesh"
REVISION = "0123456"


class Links(HTMLParser):
    """What a page leads to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.hrefs.append(said["href"])
        elif tag == "link" and said.get("rel") == "stylesheet":
            self.loaded.append(said["href"])
        elif "src" in said:
            self.loaded.append(said["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    variables = {"SITE_REPOSITORY": REPOSITORY, "SITE_REVISION": REVISION, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page.read_text(encoding="utf-8")) for page in site.rglob("*.html") if page.name != "404.html"}


def test_every_page_of_docs_is_there(pages: dict[Path, Links], site: Path) -> None:
    written = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    made = {page.relative_to(site).parent for page in pages}
    assert {path if path.name != "README" else path.parent for path in written} <= made


def test_every_link_leads_to_a_page_and_a_place_in_it(pages: dict[Path, Links]) -> None:
    broken: list[str] = []
    for page, links in pages.items():
        for href in links.hrefs:
            target, anchor = urldefrag(href)
            if "://" in target or target.startswith("mailto:"):
                continue
            found = (page.parent / unquote(target)).resolve() if target else page
            found = found / "index.html" if found.is_dir() else found
            if not found.exists() or (found in pages and unquote(anchor) not in pages[found].anchors):
                broken.append(f"{page.parent.name}: {href}")
    assert broken == []


def test_links_out_of_docs_lead_to_files_of_the_revision(pages: dict[Path, Links]) -> None:
    led = {href for links in pages.values() for href in links.hrefs if href.startswith(f"{REPOSITORY}/")}
    files = {urldefrag(href)[0].removeprefix(f"{REPOSITORY}/") for href in led} - {""}
    assert len(files) > 50
    for file in files:
        kind, revision, path = file.split("/", 2)
        assert revision == REVISION, file
        assert (ROOT / path).is_dir() if kind == "tree" else (ROOT / path).is_file(), file


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Links]) -> None:
    assert not [address for links in pages.values() for address in links.loaded if "://" in address]


def test_blocks_have_a_language_and_not_who_runs_them(site: Path) -> None:
    text = (site / "stack-files" / "index.html").read_text(encoding="utf-8")
    assert "yaml stack" not in text
    assert "language-yaml" in text


def test_the_first_page_is_the_readme(site: Path) -> None:
    assert "Istio accepts most wrong meshes in silence" in (site / "index.html").read_text(encoding="utf-8")


def test_the_search_finds_a_rule_by_its_code(site: Path) -> None:
    assert "MCP122" in (site / "search" / "search_index.json").read_text(encoding="utf-8")


def test_every_page_beside_lists_is_in_the_navigation() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("", lambda *_: None)
    nav = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]  # noqa: S506 - a SafeLoader

    def named(entry: object) -> set[str]:
        if isinstance(entry, str):
            return {entry}
        entries = entry if isinstance(entry, list) else list(entry.values()) if isinstance(entry, dict) else []
        return {page for one in entries for page in named(one)}

    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= named(nav)
