"""Tables as a template prints them: spans of headings, fields with their classes, rows that open a block."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes, marked, opens_section


class Heading(NamedTuple):
    """A heading over so many columns. look: CSS classes, as of Field."""

    text: str
    columns: int
    look: str


class Field(NamedTuple):
    """text: always there. letters: of its footnotes, as (letter, sentence). look: CSS classes.

    A key that repeats the row above has the class "again": it is shown when the rows are in another order. A key that a
    whole block shares has the class "key": where room is short the block's heading stands for it.
    """

    text: str
    letters: tuple[tuple[str, str], ...]
    look: str


class Line(NamedTuple):
    """A row; heading: what the block that it begins shares, empty where it begins none."""

    heading: str
    fields: tuple[Field, ...]


class View(NamedTuple):
    """A table for a template; spans is empty where no columns share a heading."""

    name: str
    title: str
    spans: tuple[Heading, ...]
    titles: tuple[Heading, ...]
    lines: tuple[Line, ...]
    notes: tuple[tuple[str, str], ...]
    under: tuple[str, ...]


def view(table: Table, without: Sequence[str] = ()) -> View:
    """The table; paragraphs below it that are in `without` stand elsewhere on the page."""
    sentences = {letter: note for note, letter in footnotes(table).items()}
    values, shown = marked(table), blanked(table)
    looks = [_look(table, place, [row[place] for row in values]) for place in range(len(table.columns))]
    lines = [
        Line(_heading(table, index), tuple(_field(*each, sentences) for each in zip(row, blanks, looks, strict=True)))
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
