"""A hook of mkdocs: the site's pages are README.md, docs/ and what these link to, from where they lie.

The site has the repository's own layout, so a link that works in a checkout works there too: pages become HTML, and any
other file that a page links to (a picture, a table, code) goes along as it is. Nothing is copied beforehand.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]

LINK = re.compile(r"""\]\(([^)\s#]+)|(?:src|srcset|href)="([^"\s#]+)""")
"""Where a Markdown or HTML link of a page leads."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts pages in the place of the menu's entries with a star."""
    named = set(_entries(config.nav))
    config.nav = _expanded(config.nav, named)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds every page, and every file that a page links to, under its path in the repository."""
    for path in pages_and_files(ROOT):
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def pages_and_files(root: Path) -> list[str]:
    """Paths of README.md, of the Markdown in docs/, and of all that can be reached from these by links, sorted."""
    found = {root / "README.md", *(root / "docs").rglob("*.md")}
    unread = set(found)
    while unread:
        page = unread.pop()
        linked = _linked(page, root) if page.suffix == ".md" else set()
        unread |= linked - found
        found |= linked
    return sorted(path.relative_to(root).as_posix() for path in found)


def _linked(page: Path, root: Path) -> set[Path]:
    """The files of the repository that a page links to; a link to nothing is mkdocs' to report."""
    targets = ["".join(groups) for groups in LINK.findall(page.read_text(encoding="utf-8"))]
    paths = {(page.parent / target).resolve() for target in targets if "://" not in target}
    return {path for path in paths if path.is_file() and path.is_relative_to(root)}


def _entries(nav: Any) -> Iterable[str]:
    """The paths of a menu, its sections' included."""
    if isinstance(nav, str):
        yield nav
    else:
        for inner in nav.values() if isinstance(nav, dict) else nav:
            yield from _entries(inner)


def _expanded(nav: Any, named: set[str]) -> Any:
    if isinstance(nav, dict):
        return {title: _expanded(inner, named) for title, inner in nav.items()}
    if isinstance(nav, str):
        return nav
    return [one for entry in nav for one in (_matching(entry, named) if "*" in entry else [_expanded(entry, named)])]


def _matching(pattern: str, named: set[str]) -> list[str]:
    return sorted({path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)} - named)
