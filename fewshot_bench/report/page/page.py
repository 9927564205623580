"""The page: everything that a folder's files tell, put into one template."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.files import write_text
from fewshot_bench.report.page.against_published import MOST, against_figure, against_table, with_difference
from fewshot_bench.report.page.cost import cost_figure, cost_table
from fewshot_bench.report.page.folder import commands, environment_table, grid, overview, plan_table
from fewshot_bench.report.page.learning import blocks, learned
from fewshot_bench.report.page.rates import folded, learned_rates
from fewshot_bench.report.protocol import protocol
from fewshot_bench.report.results import Results, read_results
from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes, marked, opens_section
from fewshot_bench.report.tables import report_of

NAME = "report.html"
"""Of the file in the folder of results, unless another is given."""

INCOMPLETE = "incomplete"
"""Name of the table of cells without a result, which has a section of its own."""


def write_page(directory: Path, output: Path | None) -> Path:
    """Writes the page of a results folder to `output`, or into the folder; returns where it is.

    Raises BenchError if there is no cell, or the file cannot be written.
    """
    path = output or directory / NAME
    write_text(path, page(directory))
    return path


def page(directory: Path) -> str:
    """The whole page as HTML: nothing in it is loaded from elsewhere, and the same files give the same bytes.

    Raises BenchError if the folder holds no cell.
    """
    environment = Environment(
        loader=PackageLoader("fewshot_bench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    return environment.get_template("page.html").render(_content(directory, read_results(directory)))


def _content(directory: Path, results: Results) -> dict[str, Any]:
    """What the template prints, by name."""
    report = report_of(results)
    cells, rows = results.cells, results.rows
    rates = learned_rates(results.groups)
    figures, more = folded(rates.rates)
    words = protocol([*rows, *results.errors])
    return {
        "name": directory.resolve().name,
        "facts": overview(cells),
        "results": [view(table, without=words) for table in report.tables if table.name != INCOMPLETE],
        "incomplete": [view(table) for table in report.tables if table.name == INCOMPLETE],
        "remarks": report.remarks,
        "errors": bool(results.errors),
        "against": _views(against_table(rows)),
        "against_figure": against_figure(rows),
        "against_most": MOST,
        "differences": len(with_difference(rows)),
        "curves": blocks(learned(results.groups)),
        "rates": figures,
        "rates_unrecorded": rates.unrecorded,
        "rates_left_out": more + rates.left_out,
        "rates_faults": rates.faults,
        "cost": _views(cost_table(rows)),
        "cost_figure": cost_figure(rows),
        "protocol": words,
        "machines": _views(environment_table(cells), plan_table(cells)),
        "commands": commands(directory),
        "grid": grid(directory, cells),
    }


class Heading(NamedTuple):
    """A heading over so many columns. look: CSS classes, as of Field."""

    text: str
    columns: int
    look: str


class Field(NamedTuple):
    """text: always there. letters: of its footnotes, as (letter, sentence). look: CSS classes.

    A key that repeats the row above has the class "again": it is shown when the rows are in another order. A key that a
    whole block shares has the class "key": if room is short the block's heading stands for it.
    """

    text: str
    letters: tuple[tuple[str, str], ...]
    look: str


class BodyRow(NamedTuple):
    """A row; heading: what the block that it begins shares, empty if it begins none."""

    heading: str
    fields: tuple[Field, ...]


class View(NamedTuple):
    """A table for a template; spans is empty if no columns share a heading."""

    name: str
    title: str
    spans: tuple[Heading, ...]
    titles: tuple[Heading, ...]
    lines: tuple[BodyRow, ...]
    notes: tuple[tuple[str, str], ...]
    under: tuple[str, ...]


def view(table: Table, without: Sequence[str] = ()) -> View:
    """The table; paragraphs below it that are in `without` stand elsewhere on the page."""
    sentences = {letter: note for note, letter in footnotes(table).items()}
    values, shown = marked(table), blanked(table)
    looks = [_look(table, place, [row[place] for row in values]) for place in range(len(table.columns))]
    lines = [
        BodyRow(
            _heading(table, index), tuple(_field(*each, sentences) for each in zip(row, blanks, looks, strict=True))
        )
        for index, (row, blanks) in enumerate(zip(values, shown, strict=True))
    ]
    return View(
        name=table.name,
        title=table.title,
        spans=tuple(_spans(table)) if any(column.group for column in table.columns) else (),
        titles=tuple(Heading(each.title, 1, look) for each, look in zip(table.columns, looks, strict=True)),
        lines=tuple(lines),
        notes=tuple(sentences.items()),
        under=tuple(text for text in table.under if text not in without),
    )


def _look(table: Table, place: int, values: Sequence[Marked]) -> str:
    """CSS classes of a column. r1 to r4: so much is kept free for footnote letters, and digits stay in line."""
    column, room = table.columns[place], max((len(value.letters) for value in values), default=0)
    looks = ["key" if place < table.section else "", "wrap" if column.wrap else ""]
    looks += ["n", f"r{min(room, 4)}" if room else ""] if column.align == "right" else []
    return " ".join(filter(None, looks))


def _spans(table: Table) -> list[Heading]:
    def shared(pair: tuple[int, Column]) -> tuple[str, bool]:
        return pair[1].group, pair[0] < table.section

    groups = [(key, len(list(members))) for key, members in groupby(enumerate(table.columns), key=shared)]
    return [Heading(text, count, "key" if key else "span" if text else "") for (text, key), count in groups]


def _heading(table: Table, index: int) -> str:
    if not table.section or not (index == 0 or opens_section(table, index)):
        return ""
    keys = zip(table.columns[: table.section], table.rows[index][: table.section], strict=True)
    return ", ".join(f"{column.title} {entry.text}" for column, entry in keys)


def _field(field: Marked, blank: Marked, look: str, sentences: dict[str, str]) -> Field:
    letters = tuple((letter, sentences[letter]) for letter in field.letters)
    return Field(field.text, letters, f"{look} again".strip() if blank != field else look)


def _views(*tables: Table | None) -> list[View]:
    return [view(table) for table in tables if table is not None]
