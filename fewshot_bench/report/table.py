"""A table before it has a format: what the terminal, Markdown and LaTeX writers all print from."""

from typing import Literal, NamedTuple


class Entry(NamedTuple):
    """A table's field: its text, and the footnotes that concern it, whole sentences."""

    text: str
    notes: tuple[str, ...] = ()


class Column(NamedTuple):
    """A column. group: a heading shared with its neighbours. wrap: holds sentences, which may be broken."""

    title: str
    align: Literal["left", "right"] = "left"
    group: str = ""
    wrap: bool = False


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


class Marked(NamedTuple):
    """A field ready to print: its text and the letters of its footnotes."""

    text: str
    letters: tuple[str, ...] = ()


def footnotes(table: Table) -> dict[str, str]:
    """Letter by sentence, in the order in which a reader meets them."""
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


def _letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[index % 26]
