"""Tables before they have a format: columns as objects, entries with footnotes, and what all writers print from."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple


class Entry(NamedTuple):
    """A table's field: its text, and its footnotes, whole sentences."""

    text: str
    notes: tuple[str, ...] = ()


NONE = Entry("-")
"""The entry of a value that does not exist."""


def _always(items: Sequence[Any]) -> bool:
    return True


class Column(NamedTuple):
    """A column: its heading, and what fills it. The terminal, Markdown, LaTeX, HTML and CSV all follow from it.

    title, group: the heading, and a second one that it shares with its neighbours. wrap: long text may be broken.
    value: an item (a row, a difference, a cell) -> its field. shown: the items of a table -> whether it has the column.
    explanation: what the numbers are, printed under the table. Explanations of neighbours with one `group` make one
    paragraph; a blank line in the text begins another.
    csv: name of a column of the CSV -> an item -> its plain value. CSV has the column whether or not a table shows it.
    csv_after: the name after which the CSV has these columns, if that is not the place that the list of columns gives.
    """

    title: str
    align: Literal["left", "right"] = "left"
    group: str = ""
    wrap: bool = False
    value: Callable[[Any], str | Entry] = str
    shown: Callable[[Sequence[Any]], bool] = _always
    explanation: str | Callable[[Sequence[Any]], str] = ""
    csv: Mapping[str, Callable[[Any], object]] = {}
    csv_after: str = ""


class Table(NamedTuple):
    """Rows of entries under columns.

    name: a word for labels. keys: the leading columns whose repeated values are left blank.
    section: the leading columns whose change opens a new block of rows. under: paragraphs below the table.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    keys: int = 0
    section: int = 0
    under: tuple[str, ...] = ()


def tabulate(
    name: str,
    title: str,
    columns: Iterable[Column],
    items: Sequence[Any],
    *,
    keys: Iterable[Column] = (),
    section: Iterable[Column] | None = None,
    under: Iterable[str] = (),
) -> Table:
    """A table with a row for each item and those of `columns` that these items need.

    Args:
        keys, section: as in Table, but the columns themselves; section None: those of `keys`.
        under: paragraphs below the table.
    """
    shown = needed(columns, items)
    rows = tuple(tuple(_entry(column.value(item)) for column in shown) for item in items)
    blank, opens = (len(needed(leading, items)) for leading in (keys, keys if section is None else section))
    return Table(name, title, shown, rows, blank, opens, tuple(under))


def needed(columns: Iterable[Column], items: Sequence[Any]) -> tuple[Column, ...]:
    """The columns that a table of these items shows."""
    return tuple(column for column in columns if column.shown(items))


def explanations(columns: Iterable[Column], items: Sequence[Any]) -> list[str]:
    """Paragraphs on the columns that a table of these items shows."""
    paragraphs = []
    for _, members in groupby(needed(columns, items), key=lambda column: column.group):
        words = (one.explanation if isinstance(one.explanation, str) else one.explanation(items) for one in members)
        paragraphs += " ".join(filter(None, words)).split("\n\n")
    return [text.strip() for text in paragraphs if text.strip()]


def csv_columns(columns: Sequence[Column]) -> dict[str, Callable[[Any], object]]:
    """Name -> value of every column of the CSV, in its order."""
    fields = [field for column in columns if not column.csv_after for field in column.csv.items()]
    for column in columns:
        if column.csv_after:
            place = [name for name, _ in fields].index(column.csv_after) + 1
            fields[place:place] = column.csv.items()
    return dict(fields)


def spans(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """The headings that neighbouring columns share, and over how many columns each is; "" for columns without one."""
    return [(group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group)]


def percent(fraction: float) -> Entry:
    """A fraction in percent, two decimals; a dash for nan."""
    return number(100 * fraction, ".2f")


def number(value: float, form: str) -> Entry:
    """A number in a format such as ".2f"; a dash for nan."""
    return NONE if math.isnan(value) else Entry(f"{value:{form}}")


class Marked(NamedTuple):
    """A field ready to print: its text and the letters of its footnotes."""

    text: str
    letters: tuple[str, ...] = ()


def footnotes(table: Table) -> dict[str, str]:
    """Sentence -> letter, in the order in which a reader meets them."""
    sentences = dict.fromkeys(note for row in table.rows for entry in row for note in entry.notes)
    return {sentence: _letter(index) for index, sentence in enumerate(sentences)}


def marked(table: Table) -> list[list[Marked]]:
    """The rows with footnote letters; every value written out."""
    letters = footnotes(table)
    return [[Marked(entry.text, tuple(letters[note] for note in entry.notes)) for entry in row] for row in table.rows]


def blanked(table: Table) -> list[list[Marked]]:
    """The rows with footnote letters; a key that repeats the row above, with all keys before it, is blank."""
    rows = marked(table)
    shown = [list(row) for row in rows]
    for above, row, blank in zip(rows, rows[1:], shown[1:], strict=False):
        for column in range(table.keys):
            if row[column] != above[column]:
                break
            blank[column] = Marked("")
    return shown


def opens_section(table: Table, index: int) -> bool:
    """Whether row `index` begins a new block."""
    head = [[entry.text for entry in table.rows[i][: table.section]] for i in (index - 1, index)] if index else []
    return bool(head) and head[0] != head[1]


def _entry(value: str | Entry) -> Entry:
    return Entry(value) if isinstance(value, str) else value


def _letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[index % 26]
