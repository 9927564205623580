"""The page as a reader sees it: at the widths of a desktop and a phone, light and dark, sorted by a click."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, PackageLoader
from PIL import ImageStat

from fewshot_bench.report.page.page import view, write_page
from fewshot_bench.report.table import Column, Entry, Table
from tests.report.browser import Browser, chromium, needs_chromium
from tests.report.page_factory import write_folder

pytestmark = needs_chromium

DESKTOP, PHONE = 1280, 390

HEADS = "document.querySelectorAll('[data-name=against] tr.titles th')"
ORDER = """Array.from(document.querySelector('[data-name=against] tbody').rows)
    .filter(row => row.className !== 'head')
    .map(row => Array.from(row.cells).map(cell => cell.firstElementChild.textContent))"""
HIDDEN = """Array.from(document.querySelectorAll('[data-name=against] td > span'))
    .filter(each => getComputedStyle(each).visibility === 'hidden').length"""
CLIPPED = """Array.from(document.querySelectorAll('main svg text')).filter(text => {
    const box = text.getBBox(), frame = text.ownerSVGElement.viewBox.baseVal;
    return box.x < -0.5 || box.y < -0.5 || box.x + box.width > frame.width + 0.5
        || box.y + box.height > frame.height + 0.5;
}).map(text => text.textContent)"""
OVERLAPPING = """Array.from(document.querySelectorAll('main svg')).flatMap(svg => {
    const boxes = Array.from(svg.querySelectorAll('text')).map(text => [text.textContent, text.getBBox()]);
    return boxes.flatMap(([one, a], i) => boxes.slice(i + 1).filter(([other, b]) =>
        a.x < b.x + b.width - 1 && b.x < a.x + a.width - 1 && a.y < b.y + b.height - 3 && b.y < a.y + a.height - 3
    ).map(([other, b]) => one + ' over ' + other));
})"""
WIDER = """Array.from(document.querySelectorAll('main *, header *'))
    .filter(each => !each.closest('.scroll, pre') && each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => each.outerHTML.slice(0, 99))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(write_folder(tmp_path_factory.mktemp("seen") / "a folder"), None)


def test_a_reader_sees_it_whole_at_any_width_and_in_both_colours(browser: Browser, file: Path) -> None:
    grounds = {}
    for width in (DESKTOP, PHONE):
        for scheme in ("light", "dark"):
            browser.open(file, width, scheme)
            picture = browser.picture()
            assert picture.width == width
            corner = picture.crop((0, 0, 8, 8))
            grounds[scheme] = ImageStat.Stat(corner.convert("L")).mean[0]
            low, high = picture.convert("L").getextrema()
            assert high - low > 150  # what is written can be told from the ground
            browser.value("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value(WIDER) == []
            assert browser.value(CLIPPED) == []
            assert browser.value(OVERLAPPING) == []
            _keep(browser, file, width, scheme)
    assert grounds["light"] > 240
    assert grounds["dark"] < 50


def test_only_the_file_is_asked_for_and_nothing_complains(browser: Browser, file: Path) -> None:
    browser.open(file, DESKTOP, "light")
    browser.picture()
    assert browser.requested == [file.resolve().as_uri()]
    assert browser.errors == []
    assert browser.value("document.querySelectorAll('script').length") == 1


def test_a_click_sorts_numbers_as_numbers_and_a_third_brings_the_order_back(browser: Browser, file: Path) -> None:
    browser.open(file, DESKTOP, "light")
    first = browser.value(ORDER)
    column = browser.value(f"Array.from({HEADS}).map(each => each.textContent)").index("diff")
    click, state = f"{HEADS}[{column}].firstElementChild.click()", f"{HEADS}[{column}].getAttribute('aria-sort')"
    values = [float(row[column]) for row in first]
    assert sorted(map(str, values)) != list(map(str, sorted(values)))  # as words they have another order
    for turned, said in ((False, "ascending"), (True, "descending")):
        browser.value(click)
        assert [float(row[column]) for row in browser.value(ORDER)] == sorted(values, reverse=turned)
        assert browser.value(state) == said
        assert browser.value(HIDDEN) == 0
    browser.value(click)
    assert browser.value(ORDER) == first
    assert browser.value(state) == "none"
    assert browser.value(HIDDEN) > 0


def test_what_is_missing_comes_last_and_words_go_by_the_numbers_in_them(browser: Browser, tmp_path: Path) -> None:
    entries = ("10-way", "-", "5-way", "20-way"), ("<0.001", "0.5", "", "0.08"), ("1,200", "90", "3 x 4", "-7")
    table = Table(
        "t", "t", (Column("word"), Column("p"), Column("n")), tuple(zip(*map(_entries, entries), strict=True))
    )
    environment = Environment(loader=PackageLoader("fewshot_bench.report.page"), autoescape=True)
    text = '{% import "table.html" as table %}{{ table.show(view) }}<script>{% include "sort.js" %}</script>'
    (tmp_path / "table.html").write_text(environment.from_string(text).render(view=view(table)))
    browser.open(tmp_path / "table.html", DESKTOP, "light")
    expected = ["5-way", "10-way", "20-way", "-"], ["<0.001", "0.08", "0.5", ""], ["-7", "3 x 4", "90", "1,200"]
    for column, ordered in enumerate(expected):
        browser.value(f"document.querySelectorAll('th button')[{column}].click()")
        rows = "Array.from(document.querySelector('tbody').rows)"
        assert browser.value(f"{rows}.map(row => row.cells[{column}].firstElementChild.textContent)") == ordered


def _entries(texts: tuple[str, ...]) -> list[Entry]:
    return [Entry(text) for text in texts]


def _keep(browser: Browser, file: Path, width: int, scheme: str) -> None:
    """Leaves the picture in $FEWSHOT_SCREENSHOTS, where that is set, for a person to look at."""
    folder = os.environ.get("FEWSHOT_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.picture(whole=True).save(Path(folder) / f"{file.parent.name}-{width}-{scheme}.png")
