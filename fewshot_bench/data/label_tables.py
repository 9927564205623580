"""CSV files with the class of each image, as spreadsheets and other tools save them."""

import csv
import io
import re

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.text import decoded


def labelled(where: str, content: bytes) -> list[tuple[str, str]]:
    """(file name, label) of every line of a table with the columns `filename` and `label`; folders are left out.

    The table is UTF-8 or UTF-16, with commas, semicolons or tabs. Raises DataError for anything else.
    """
    try:
        text = decoded(content)
        header = text.partition("\n")[0]
        lines = csv.DictReader(io.StringIO(text), delimiter=next((mark for mark in "\t;" if mark in header), ","))
        lines.fieldnames = [name.strip().lower() for name in lines.fieldnames or ()]
        return [_labelled(where, line) for line in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where} is not a table in UTF-8 or UTF-16 ({error}). Get it again.") from error


def _labelled(where: str, line: dict[str, str | None]) -> tuple[str, str]:
    name, label = ((line.get(column) or "").strip() for column in ("filename", "label"))
    if not name or not label:
        raise DataError(f"{where} lacks a filename or label in {line}. Get the CSVs of Ravi and Larochelle.")
    return re.split(r"[/\\]", name)[-1], label
