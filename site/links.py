"""Makes pages that are written for a repository into pages of a site; mkdocs calls these hooks by their names.

https://www.mkdocs.org/user-guide/plugins/#events
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
REVISION = os.environ.get("SITE_REVISION", "main")
"""Read here and not by mkdocs.yml, where some hashes would be numbers."""
_FENCE = re.compile(r"^(```[a-z]+) [a-z]+$", re.MULTILINE)
"""The second word of a fence says which tests run it: tests/documentation.py."""
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]*)?(?=\)| \"[^\"\n]*\"\))")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The repository's README is the first page."""
    files.append(File.generated(config, "index.md", content=(ROOT / "README.md").read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names it
    """Links that lead out of docs/ lead to the repository, at the revision that the site is made of."""
    first = page.file.src_uri == "index.md"
    here = "" if first else posixpath.dirname(f"docs/{page.file.src_uri}")

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, link[1]))
        if not target.startswith("docs/"):
            kind = "tree" if (ROOT / target).is_dir() else "blob"
            return f"{config.repo_url}/{kind}/{REVISION}/{target}{link[2] or ''}"
        return f"{target.removeprefix('docs/')}{link[2] or ''}" if first else link[0]

    outside = _between(markdown, _CODE, lambda text: _LINK.sub(led, text))
    return _FENCE.sub(r"\1", outside)


def _between(text: str, left: re.Pattern[str], changed: Callable[[str], str]) -> str:
    """The text, changed everywhere but in what a pattern finds."""
    parts, end = list[str](), 0
    for found in left.finditer(text):
        parts += [changed(text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, changed(text[end:])])
