"""The page as text: whole, balanced, nothing loaded from elsewhere, and nothing in a name that is markup."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command
from fewshot_bench.report.page.page import page
from fewshot_bench.report.table import footnotes
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell
from tests.report.page_factory import PARAMETERS, SCRIPT, changed, write_folder

VOID = ("meta", "br", "hr", "img", "link", "input")
LOADING = ("src", "href", "srcset", "data", "action", "poster", "xlink:href")


class Reader(HTMLParser):
    """Tags, their attributes and their text; `faults` where an element is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if len({name for name, _ in attrs}) != len(attrs):
            self.faults.append(f"an attribute of {tag} comes twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing, at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        (self.styles if inside in ("style", "script") else self.text).append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("pages") / "<i>a folder&")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return page(folder)


@pytest.fixture(scope="module")
def read(html: str) -> Reader:
    return Reader(html)


def said(read: Reader) -> str:
    return " ".join(" ".join(read.text).split())


def test_elements_are_balanced(read: Reader) -> None:
    assert not read.faults
    assert not read.open
    assert read.count("html") == read.count("main") == 1


def test_identifiers_are_unique_and_links_have_a_target(read: Reader) -> None:
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) >= 9
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert links
    assert {str(link) for link in links} == {f"#{name}" for name in ids}


def test_nothing_is_loaded(read: Reader, html: str) -> None:
    for tag, attributes in read.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        for name in LOADING:
            assert str(attributes.get(name, "#")).startswith("#"), (tag, attributes)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|http-equiv", "".join(read.styles))
    assert "//" not in "".join(read.styles)


def test_names_are_text_and_never_markup(read: Reader, html: str) -> None:
    assert read.count("script") == 1
    assert read.count("i") == read.count("img") == 0
    assert SCRIPT not in html
    assert said(read).count(SCRIPT) >= 2  # the failed cell's reason, and the odd learner
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)


def test_every_table_of_the_report_is_there_with_all_its_numbers(folder: Path, html: str) -> None:
    for table in read_report(folder).tables:
        _, _, rest = html.partition(f'data-name="{table.name}"')
        body = Reader("<section" + rest.partition("</section>")[0] + "</section>")
        for row in table.rows:
            for entry in row:
                assert entry.text in body.text or not entry.text
        heads = sum(attributes.get("class") == "head" for _, attributes in body.tags)
        spans = any(column.group for column in table.columns)
        assert body.count("tr") == len(table.rows) + heads + 1 + spans
        assert (heads > 0) == (table.section > 0)
        for note in footnotes(table):
            assert note in " ".join(body.text)


def test_paragraphs_below_a_table_are_on_the_page_once(folder: Path, read: Reader) -> None:
    for table in read_report(folder).tables:
        for text in table.under:
            assert [part.strip() for part in read.text].count(text) >= 1
    protocol = [text for text in said(read).split(". ") if text.startswith("Protocol: 1 query per class")]
    assert len(protocol) == 1


def test_cells_without_a_result_are_there_with_their_reasons(read: Reader) -> None:
    assert "the loss is not a number at meta-step 7" in said(read)
    assert "Cells without a result: 2 of 26" in said(read)
    assert "24 done, 1 failed, 1 queued" in said(read)


def test_environment_is_there_without_the_host(read: Reader, html: str) -> None:
    assert "secret-host" not in html
    for text in ("a processor", "2.15.0", "0abc123", "traced", "2026-01-02"):
        assert text in said(read)


def test_every_tensor_has_its_line_at_every_step(html: str) -> None:
    # 2 networks x (lr; lr and beta1) x 2 inner steps
    for parameter in PARAMETERS:
        assert len(re.findall(rf"<title>{re.escape(parameter)} \(\w+\): ", html)) == 12
    assert html.count("<details>") == 4 + 1  # and the grid file
    assert "learning rate, inner step 1" in html


def test_the_same_folder_gives_the_same_bytes(folder: Path, html: str) -> None:
    program = "import sys; from pathlib import Path; from fewshot_bench.report.page.page import page; "
    program += "sys.stdout.buffer.write(page(Path(sys.argv[1])).encode())"
    done = subprocess.run([sys.executable, "-c", program, str(folder)], check=True, capture_output=True)
    assert done.stdout.decode() == html


def test_the_command_says_where_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path / "run")
    assert run_command(["report", str(tmp_path / "run"), "--format", "html"]) == 0
    assert str(tmp_path / "run" / "report.html") in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (
        run_command(["report", str(tmp_path / "run"), "--format", "html", "--output", str(tmp_path / "other.html")])
        == 0
    )
    assert (tmp_path / "other.html").read_text() == (tmp_path / "run" / "report.html").read_text()
    with pytest.raises(BenchError, match="there is no folder"):
        run_command(["report", str(tmp_path / "nowhere"), "--format", "html"])


def torn() -> Iterator[tuple[str, str, str]]:
    yield "nothing done", "status.json", json.dumps({"status": "running", "iterations": 3})
    yield "no status", "status.json", "{"
    yield (
        "lists for tables",
        "status.json",
        json.dumps({"status": "done", "plan": [1], "environment": 3, "seconds": "x"}),
    )
    yield "no numbers", "hyperparameters.parquet", "not parquet"


@pytest.mark.parametrize(("file", "content"), [pytest.param(*rest, id=name) for name, *rest in torn()])
def test_torn_files_make_no_torn_page(tmp_path: Path, file: str, content: str) -> None:
    (write_cell(tmp_path) / file).write_text(content)
    read = Reader(page(tmp_path))
    assert not read.faults
    assert "5-way 1-shot" in said(read)


def test_epochs_that_are_none_are_passed_over(tmp_path: Path) -> None:
    odd = [
        3,
        {"iteration": "x", "val_accuracy": 0.5},
        {"iteration": 100, "val_accuracy": None},
        {"iteration": 200, "val_accuracy": 0.25},
    ]
    changed(write_cell(tmp_path) / "result.json", epochs=odd)
    assert "1 seed: 25.0 % after 200 meta-steps" in page(tmp_path)
