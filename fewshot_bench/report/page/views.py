"""Tables as a template prints them: spans of headings, fields with their classes, rows that open a block."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes, marked, opens_section


class Span(NamedTuple):
    """A heading over so many columns; "" over those that share none."""

    text: str
    columns: int


class Field(NamedTuple):
    """text: always there. letters: of its footnotes, as (letter, sentence). look: CSS classes.

    A key that repeats the row above has the class "again": it is shown when the rows are in another order.
    """

    text: str
    letters: tuple[tuple[str, str], ...]
    look: str


class Line(NamedTuple):
    """A row; opens: whether it begins a new block."""

    opens: bool
    fields: tuple[Field, ...]


class View(NamedTuple):
    """A table for a template; spans is empty where no columns share a heading."""

    name: str
    title: str
    spans: tuple[Span, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[tuple[str, str], ...]
    under: tuple[str, ...]


def view(table: Table, without: Sequence[str] = ()) -> View:
    """The table; paragraphs below it that are in `without` stand elsewhere on the page."""
    sentences = {letter: note for note, letter in footnotes(table).items()}
    values, shown = marked(table), blanked(table)
    rooms = [max((len(row[place].letters) for row in values), default=0) for place in range(len(table.columns))]
    lines = [
        Line(
            opens_section(table, index),
            tuple(
                _field(field, blank, column, room, sentences)
                for field, blank, column, room in zip(row, shown[index], table.columns, rooms, strict=True)
            ),
        )
        for index, row in enumerate(values)
    ]
    grouped = any(column.group for column in table.columns)
    return View(
        name=table.name,
        title=table.title,
        spans=tuple(_spans(table.columns)) if grouped else (),
        columns=table.columns,
        lines=tuple(lines),
        notes=tuple(sentences.items()),
        under=tuple(text for text in table.under if text not in without),
    )


def _spans(columns: Sequence[Column]) -> list[Span]:
    return [Span(text, len(list(members))) for text, members in groupby(columns, key=lambda column: column.group)]


def _field(field: Marked, blank: Marked, column: Column, room: int, sentences: dict[str, str]) -> Field:
    """room: letters of whichever field of the column has most; so much is kept free, and digits stay in line."""
    looks = ["n" if column.align == "right" else "", "wrap" if column.wrap else ""]
    looks += [f"r{min(room, 4)}"] if room and column.align == "right" else []
    looks += ["again"] if blank != field else []
    letters = tuple((letter, sentences[letter]) for letter in field.letters)
    return Field(field.text, letters, " ".join(filter(None, looks)))
