"""The results of a folder, computed once: cells -> groups -> rows -> families. All tables and figures use them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.about import datasets
from fewshot_bench.cells import code_changes
from fewshot_bench.cells.contents import is_regression
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.groups import Group, each_test, grouped
from fewshot_bench.report.rows import Row, rows_of
from fewshot_bench.report.statistics.families import Family, families_of

MANY = 8
"""More cells or sentences of one kind than this are counted, not listed."""

BEST = "Best by validation among the rows tested on the same tasks."
BY_TEST = "Best by test among these rows; validation, which chooses, has another."


class Results(NamedTuple):
    """What a folder of results holds.

    cells: as they lie on disk. groups: the seeds of each configuration and kind of test. rows: one line of the table
    for each group; an untrained group has a row only if it is no trained group's twin. families: rows that can be
    compared, with their differences (these rows lack `chosen`, which follows from the families). errors: rows of
    regression, whose mean is minus the mean squared error; they are in no family.
    remarks: sentences on changed code, and on what could not be read or compared.
    """

    cells: tuple[CellFolder, ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    families: tuple[Family, ...]
    remarks: tuple[str, ...]
    errors: tuple[Row, ...] = ()


def read_results(directory: Path) -> Results:
    """The results of what lies in `directory`/cells. Raises BenchError if there is no cell."""
    return results_of(read_cells(directory))


def results_of(cells: Sequence[CellFolder]) -> Results:
    """Reads no more than the cells' episodes.parquet, and these only if seeds or pairs have to be compared."""
    groups = grouped(each_test(cells))
    rows, faults = rows_of(groups)
    errors = [row for row in rows if _of_errors(row)]
    rows = [row for row in rows if row not in errors] if errors else rows
    families = families_of(rows)
    chosen = {id(row): note for family in families for row, note in _choices(family)}
    rows = [row._replace(chosen=(chosen[id(row)],)) if id(row) in chosen else row for row in rows]
    code = code_changes.remarks((cell.name, cell.code) for cell in cells if cell.status == "done")
    faults = list(dict.fromkeys([*faults, *(fault for family in families for fault in family.faults)]))
    if len(faults) > MANY:  # a folder copied without episodes has one a cell
        faults[MANY:] = [f"And {len(faults) - MANY:,} remarks more of this kind."]
    return Results(tuple(cells), tuple(groups), tuple(rows), tuple(families), (*code, *faults), tuple(errors))


def _of_errors(row: Row) -> bool:
    """Whether a row is of regression. A row without a result has no fingerprint yet, so its dataset tells."""
    known = datasets().get(str(row.axes["dataset"]))
    return is_regression(row.group.fingerprint) or bool(not row.n and known and known.get("regression"))


def _choices(family: Family) -> Iterator[tuple[Row, str]]:
    """The best row of several trained ones, and the row that test would have chosen, each with its footnote."""
    if family.best and sum(row.group.iterations != 0 for row in family.rows) > 1:
        yield family.best, BEST
        if family.by_test:
            yield family.by_test, BY_TEST
