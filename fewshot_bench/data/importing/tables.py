"""What a table beside a user's images says: the class of each image and, if there, its part."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import decoded
from fewshot_bench.data.importing.faults import fault, some
from fewshot_bench.data.importing.layouts import PART_NAMES, LabelledImage, Layout, layout, nfc

SUFFIXES = (".csv", ".tsv", ".parquet")
FILE = ("file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "image_file", "img")
LABEL = ("class", "class_name", "classname", "label", "label_name", "category")
PART = ("part", "split", "set", "subset", "partition")
"""Headings that are understood, upper or lower case; of several in a table, the first in this order counts."""


class Table(NamedTuple):
    """name: of its file; rows: heading -> value, as text; file, label, part: its headings of these, None if none."""

    name: str
    rows: list[dict[str, str]]
    file: str | None
    label: str | None
    part: str | None

    @property
    def names_images(self) -> bool:
        """Whether it has a column of files and one of labels."""
        return self.file is not None and self.label is not None


def read_table(name: str, content: bytes) -> Table:
    """A CSV, TSV or Parquet file. Raises DataError if it is none of these.

    Text is UTF-8 or UTF-16, its values separated by commas, semicolons or tabs.
    """
    try:
        rows = _parquet(content) if name.lower().endswith(".parquet") else _separated(content)
    except (UnicodeDecodeError, csv.Error, OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read as a table ({error}). Save it again as CSV in UTF-8.") from error
    headings = {_plain(heading): heading for heading in reversed(rows[0] if rows else ())}
    columns = [next((headings[one] for one in known if one in headings), None) for known in (FILE, LABEL, PART)]
    return Table(name, rows, *columns)


def by_tables(tables: Sequence[Table], files: Sequence[str]) -> Layout:
    """Images by the rows that name them. A row names a file by its path, or by the end of it if only one file has it.

    Several tables are train.csv, val.csv and test.csv: their names are the parts. files: all images that there are.
    """
    index = _by_name(files)
    labels: dict[str, list[LabelledImage]] = defaultdict(list)
    lost: list[str] = []
    unclear: list[str] = []
    empty: list[str] = []
    strange: list[str] = []
    for table in tables:
        stem = PurePosixPath(table.name).stem.lower()
        for number, row in enumerate(table.rows, 2):
            file, klass = (nfc(row.get(heading or "", "").strip()) for heading in (table.file, table.label))
            said = row.get(table.part, "").strip() if table.part else stem if len(tables) > 1 else ""
            part = PART_NAMES.get(said.lower())
            if not file or not klass:
                empty.append(f"{table.name} line {number}")
            elif part is None and (said or table.part):
                strange.append(f"{table.name} line {number} ({said!r})")
            elif len(found := _matches(file, index)) == 1:
                labels[found[0]].append(LabelledImage(found[0], klass, part))
            else:
                (unclear if found else lost).append(repr(file))
    unlabelled = [repr(file) for file in files if file not in labels] if len(labels) + len(lost) else []
    twice = [repr(file) for file, rows in labels.items() if len(rows) > len(set(rows))]
    classes = [repr(file) for file, rows in labels.items() if len({row.klass for row in rows}) > 1]
    parts = [repr(file) for file, rows in labels.items() if len({row.part for row in rows}) > 1]
    problems = (
        ("label", "without a file", lost, "Add the file, or remove the line from the table."),
        ("label", "of more than one file", unclear, "Write the path of the file into the table."),
        ("file", "without a label", unlabelled, "Add a line to the table, or move the file away."),
        ("line", "without a file or a label", empty, "Fill it in, or remove it."),
        ("line", "with another part", strange, "Write train, val or test there."),
        ("image", "listed twice", twice, "Keep one line of each."),
        ("image", "with two labels", classes, "Keep one line of each: tasks need one class an image."),
        ("image", "in two parts", parts, "Keep one line of each: parts of a split share no image."),
    )
    faults = [fault(noun, problem, names, remedy) for noun, problem, names, remedy in problems if names]
    return layout([rows[0] for rows in labels.values()], _kind(tables), faults)


def _kind(tables: Sequence[Table]) -> str:
    columns = [repr(name) for name in (tables[0].file, tables[0].label, tables[0].part) if name]
    return f"table {some([table.name for table in tables])} with the columns {', '.join(columns)}"


def _by_name(files: Sequence[str]) -> Mapping[str, list[str]]:
    """File name, with and without its suffix -> the files of that name."""
    index: dict[str, list[str]] = defaultdict(list)
    for file in files:
        path = PurePosixPath(nfc(file))
        for name in {path.name, path.stem}:
            index[name].append(file)
    return index


def _matches(written: str, index: Mapping[str, list[str]]) -> list[str]:
    """The files that a table may mean: the one with just this path, or else those whose path ends as it does."""
    path = _steps(written.replace("\\", "/"))
    near = [file for file in index.get(path[-1], ()) if _same_end(_steps(nfc(file)), path)] if path else []
    exact = [file for file in near if _steps(nfc(file)) == path]
    return exact or near


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split("/") if step not in ("", "."))


def _same_end(file: tuple[str, ...], written: tuple[str, ...]) -> bool:
    """Whether the shorter of two paths is the end of the longer, the last name with or without its suffix."""
    length = min(len(file), len(written))
    stem = PurePosixPath(file[-1]).stem
    return written[-1] in (file[-1], stem) and file[-length:-1] == written[-length:-1]


def _separated(content: bytes) -> list[dict[str, str]]:
    text = decoded(content)
    header = text.partition("\n")[0]
    mark = next((mark for mark in "\t;" if mark in header), ",")
    return [
        {heading: value or "" for heading, value in row.items() if heading is not None and not isinstance(value, list)}
        for row in csv.DictReader(io.StringIO(text), delimiter=mark)
    ]


def _parquet(content: bytes) -> list[dict[str, str]]:
    import pyarrow.parquet  # takes a third of a second, and few tables are Parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    for heading, value in rows[0].items() if rows else ():
        if _plain(heading) in FILE and isinstance(value, dict | bytes):
            raise ValueError(f"its column {heading!r} holds images, not names of files")
    return [{heading: _text(value) for heading, value in row.items()} for row in rows]


def _text(value: object) -> str:
    """A value of a Parquet table as text; empty if there is none, which may be stored as NaN."""
    return "" if value is None or value != value else str(value)


def _plain(heading: str) -> str:
    """`Image Path` -> `image_path`."""
    return heading.strip().lower().replace(" ", "_").replace("-", "_")
