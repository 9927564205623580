"""The three files that an audit leaves."""

import json
from collections.abc import Sequence
from pathlib import Path

from fewshot_bench.audit.remarks import remarks
from fewshot_bench.audit.row import Result
from fewshot_bench.audit.tables import as_csv, tables
from fewshot_bench.audit.versions import versions
from fewshot_bench.basics.files import write_text
from fewshot_bench.report.markdown import markdown


def write(folder: Path, results: Sequence[Result]) -> list[Path]:
    """audit.csv, audit.md and environment.json. Raises BenchError where the folder cannot be written."""
    contents = {
        "audit.csv": as_csv(results),
        "audit.md": markdown(tables(results), remarks(results, versions())),
        "environment.json": json.dumps(versions(), indent=2) + "\n",
    }
    for name, content in contents.items():
        write_text(folder / name, content)
    return [folder / name for name in contents]
