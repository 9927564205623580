"""docs/ as a site: built strictly, whole without a network; and the picture of the imports is that of the imports."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

import fewshot_bench
from tests.test_structure import files, imported

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"
PICTURE = DOCS / "figures" / "architecture.svg"


class Page(HTMLParser):
    """What a page links to, what it loads to be shown, and the places in it that a link may name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a":
            self.links += [found["href"]] if "href" in found else []
        else:
            self.loads += [found[name] for name in ("src", "href") if name in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as a reader would build it, but for the folder."""
    folder = tmp_path_factory.mktemp("site")
    words = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        DOCS / "site" / "mkdocs.yml",
    ]  # --quiet counts none
    done = subprocess.run([*words, "-d", folder], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = [CHECKOUT / "README.md", *DOCS.rglob("*.md")]
    for page in pages:
        name = "index.html" if page.name == "README.md" else f"{page.stem}.html"
        assert (site / page.relative_to(CHECKOUT)).with_name(name).is_file(), page
    assert len(list(site.rglob("*.html"))) > len(pages) > 20


def test_the_python_page_has_every_public_name(site: Path) -> None:
    page = Page(site / "docs" / "reference" / "python.html")
    assert {f"fewshot_bench.{name}" for name in fewshot_bench.__all__} - page.anchors == set()


def test_links_lead_somewhere_and_nothing_is_fetched(site: Path) -> None:
    pages = {
        path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"
    }  # 404's are from the host's root
    for path, page in pages.items():
        assert not [load for load in page.loads if urlsplit(load).netloc], path
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme == "https" or "mkdocs.org" in link, f"{path}: {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path not in ("", ".") else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.relative_to(site)}: {link}"


def test_styles_fetch_nothing(site: Path) -> None:
    sheets = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    urls = [url for text in sheets for url in re.findall(r"(?:url\(|@import (?!url))\s*['\"]?([^'\")\s]+)", text)]
    assert urls
    assert not [url for url in urls if urlsplit(url).netloc and not url.startswith("data:")]


def test_the_picture_is_drawn_from_the_imports_as_they_are(tmp_path: Path) -> None:
    drawn = tmp_path / "architecture.svg"
    subprocess.run([sys.executable, DOCS / "site" / "architecture_picture.py", "--out", drawn], check=True)
    assert drawn.read_bytes() == PICTURE.read_bytes(), "run: uv run docs/site/architecture_picture.py"
    assert "](figures/architecture.svg)" in (DOCS / "architecture.md").read_text(encoding="utf-8")


def reached(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """All pairs (from, to) of a graph that a way along its arrows connects."""
    ways = {(up, down) for up, below in graph.items() for down in below}
    while more := {(a, d) for a, b in ways for c, d in ways if b == c} - ways:
        ways |= more
    return ways


def arrows() -> list[ElementTree.Element]:
    return ElementTree.parse(PICTURE).findall(".//{*}path[@data-from]")


def test_its_arrows_say_what_imports_what_and_none_is_too_many() -> None:
    package = CHECKOUT / "fewshot_bench"
    graph: dict[str, set[str]] = {path.parent.name: set() for path in package.glob("*/__init__.py")}
    for path in files():
        folder = path.relative_to(package).parts[0]
        names = [name.split(".")[1] for name in imported(path) if name.startswith("fewshot_bench.")]
        if folder in graph:
            graph[folder] |= {name for name in names if name in graph and name != folder}
    drawn: dict[str, set[str]] = {name: set() for name in graph}
    for arrow in arrows():
        drawn[arrow.attrib["data-from"]].add(arrow.attrib["data-to"])
    assert reached(drawn) == reached(graph)
    for up, below in drawn.items():
        for down in below:
            assert reached(drawn | {up: below - {down}}) != reached(graph), f"{up} -> {down} says nothing new"


def test_its_arrows_run_down_and_its_boxes_stand_apart() -> None:
    for arrow in arrows():
        heights = [float(y) for y in re.findall(r"[\d.]+,([\d.]+)", arrow.attrib["d"])]
        assert heights == sorted(heights)
        assert heights[0] < heights[-1]
    tree = ElementTree.parse(PICTURE).getroot()
    _, _, right, bottom = map(float, tree.attrib["viewBox"].split())
    rects = tree.findall(".//{*}rect[@class='box']")
    boxes = [[float(rect.attrib[key]) for key in ("x", "y", "width", "height")] for rect in rects]
    for at, (x, y, width, height) in enumerate(boxes):
        assert 0 < x < x + width < right
        assert 0 < y < y + height < bottom
        assert not [b for b in boxes[:at] if abs(b[0] - x) < width and abs(b[1] - y) < min(height, b[3])]
