"""Tables as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Sequence

from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes


def markdown(tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """A heading, a pipe table, its footnotes and paragraphs for each table; remarks as a list at the end."""
    blocks = [block for table in tables for block in _blocks(table)]
    blocks += ["\n".join(f"- {escaped(remark)}" for remark in remarks)] if remarks else []
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Text in which nothing is markup: no emphasis, cells, tags or code by accident."""
    text = re.sub(r"([\\|*`<>\[\]])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def _blocks(table: Table) -> list[str]:
    lines = [
        _line(_title(column) for column in table.columns),
        _line("---:" if column.align == "right" else "---" for column in table.columns),
        *(_line(_field(field) for field in row) for row in blanked(table)),
    ]
    notes = [f"{_superscript(letter)} {escaped(note)}" for note, letter in footnotes(table).items()]
    under = ["  \n".join(notes)] if notes else []
    return [f"### {escaped(table.title)}", "\n".join(lines), *under, *(escaped(text) for text in table.under)]


def _title(column: Column) -> str:
    return escaped(f"{column.group} {column.title}".strip())


def _field(field: Marked) -> str:
    return escaped(field.text) + (_superscript(",".join(field.letters)) if field.letters else "")


def _superscript(text: str) -> str:
    return f"<sup>{text}</sup>"


def _line(fields: Iterable[str]) -> str:
    return "| " + " | ".join(fields) + " |"
