"""Tables for a terminal: of a given width, and in colour if asked."""

import io
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes, marked, opens_section

WIDTH = 100
_WIDEST_WORD = 24  # a longer one, such as a folder's name, is broken if the table is too wide
_SHORTEST_NAME = 8  # so much of a name stays on a line
_LETTERS = dict(zip("abcdefghijklmnoprstuvwxyz,", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ,", strict=True))


def terminal(tables: Sequence[Table], remarks: Sequence[str], width: int = WIDTH, colour: bool = False) -> str:
    """The tables as text of at most `width` columns; a very narrow terminal gets lines that it has to break itself."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        _environ={},  # the caller has looked at the terminal; COLUMNS and the like are its business
    )
    with console.capture() as capture:
        for table in tables:
            console.print(Text(table.title, style="bold"))
            _print_rows(console, table)
            for note, letter in footnotes(table).items():
                console.print(_paragraph(f"{_superscript(letter)} {note}"))
            for text in table.under:
                console.print(_paragraph(text))
            console.print()
        for remark in remarks:
            console.print(_paragraph(remark, "yellow"))
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines()) + "\n"


def _print_rows(console: Console, table: Table) -> None:
    """The table; if it is too wide, its leading keys become headings of sections, as few as necessary."""
    room, values = console.width - 2, marked(table)
    texts = _texts(table, values)
    natural = _natural(table, texts)
    least = _least(table, texts, natural)
    folded = next((k for k in range(table.section) if sum(least[k:]) <= room), table.section)
    if sum(least[folded:]) > room:
        least = _tight(table, least)
    widths = _shared_out(least[folded:], natural[folded:], room)
    columns = table.columns[folded:]

    def show(line: str, style: str = "") -> None:
        console.print(Text(line, style=style), soft_wrap=True)  # too wide for the terminal, it is not cut

    if any(column.group for column in columns):
        show("  " + _spanning(columns, widths), "bold")
    for line in _lines(console, columns, widths, [column.title for column in columns]):
        show(line, "bold")
    show("  " + "─" * (sum(widths) - 1))
    heading = ""
    for index, row in enumerate(_printable(table, blanked(table), values)):
        if opens_section(table, index):
            console.print()
        keys = zip(table.columns[:folded], values[index][:folded], strict=True)
        above, heading = heading, ", ".join(f"{column.title} {field.text}" for column, field in keys)
        if heading != above:
            console.print(Text(heading, style="italic"))
        for line in _lines(console, columns, widths, row[folded:]):
            show(line)


def _lines(console: Console, columns: Sequence[Column], widths: Sequence[int], fields: Sequence[str]) -> Iterator[str]:
    """A row: fields beside each other, each broken to its column's width."""
    blocks = [_broken(console, *one) for one in zip(fields, columns, widths, strict=True)]
    for parts in zip_longest(*blocks):
        filled = (" " * (width - 1) if part is None else part for part, width in zip(parts, widths, strict=True))
        yield "  " + " ".join(filled)


def _broken(console: Console, field: str, column: Column, width: int) -> list[str]:
    """The field in lines, each as wide as its column. Most need no breaking; rich would take ten times as long."""
    right = column.align == "right"
    text = field.rstrip() if right else field
    if field.isprintable() and cell_len(field) < width:
        gap = " " * (width - 1 - cell_len(text))
        return [gap + text if right else text + gap]
    lines = Text(field).wrap(console, width - 1, justify=column.align, overflow="fold")
    return [line.plain for line in lines]


def _spanning(columns: Sequence[Column], widths: Sequence[int]) -> str:
    """The headings that columns share, each in the middle of a rule as wide as its columns."""
    pairs = groupby(zip(columns, widths, strict=True), key=lambda pair: pair[0].group)
    spans = [(group, sum(width for _, width in members)) for group, members in pairs]
    return "".join((f" {group} ".center(width - 1, "─") if group else "").ljust(width) for group, width in spans)


def _natural(table: Table, texts: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column with nothing wrapped, and the gap after it; a group is as wide as its heading."""
    widths = [max(map(cell_len, column)) + 1 for column in texts]
    for group in {column.group for column in table.columns} - {""}:
        members = [index for index, column in enumerate(table.columns) if column.group == group]
        widths[members[-1]] += max(0, cell_len(group) + 5 - sum(widths[index] for index in members))
    return widths


def _least(table: Table, texts: Sequence[Sequence[str]], natural: Sequence[int]) -> list[int]:
    """The width of each column with its sentences broken at every space, and the gap after it."""
    return [
        min(width, _WIDEST_WORD + 1, max(cell_len(word) for text in column for word in text.split() or [""]) + 1)
        if heading.wrap
        else width
        for heading, column, width in zip(table.columns, texts, natural, strict=True)
    ]


def _tight(table: Table, least: Sequence[int]) -> list[int]:
    """The same with names broken as well, wherever that is. Numbers never are: lines too long are left as they are."""
    return [
        min(width, _SHORTEST_NAME + 1) if heading.align == "left" and not heading.group else width
        for heading, width in zip(table.columns, least, strict=True)
    ]


def _shared_out(least: Sequence[int], natural: Sequence[int], room: int) -> list[int]:
    """`least`, and what is left of `room` to the columns that can use it, the narrowest first."""
    widths = list(least)
    for _ in range(min(room, sum(natural)) - sum(least)):
        hungry = [index for index, wish in enumerate(natural) if widths[index] < wish]
        widths[min(hungry, key=lambda index: widths[index])] += 1
    return widths


def _texts(table: Table, values: Sequence[Sequence[Marked]]) -> list[list[str]]:
    """Titles and fields, column by column, as they are printed."""
    rows = _printable(table, values, values)
    return [[column.title, *(row[index] for row in rows)] for index, column in enumerate(table.columns)]


def _printable(table: Table, rows: Sequence[Sequence[Marked]], values: Sequence[Sequence[Marked]]) -> list[list[str]]:
    """Fields with their letters, which have room of their own in a column of numbers: the decimals stay in line.

    values: all fields of the table, of which `rows` may leave some blank.
    """
    room = [
        max((len(",".join(row[index].letters)) for row in values), default=0) if column.align == "right" else 0
        for index, column in enumerate(table.columns)
    ]
    return [[_field(field, space) for field, space in zip(row, room, strict=True)] for row in rows]


def _field(field: Marked, room: int) -> str:
    """Text and letters; a spread stays with its sign if a line is broken."""
    return field.text.replace("± ", "±") + _superscript(",".join(field.letters)).ljust(room)


def _superscript(letters: str) -> str:
    return "".join(_LETTERS.get(letter, letter) for letter in letters)


def _paragraph(text: str, style: str = "dim") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, 2))
