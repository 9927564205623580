"""`fewshot-bench compare` as tables and sentences."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.code_changes import remarks
from fewshot_bench.cells.reading import CellFolder, read_run
from fewshot_bench.report.compare.counterparts import Counterparts, KeyDifference, counterparts, differences
from fewshot_bench.report.compare.paired_tests import PairedTest, paired_tests
from fewshot_bench.report.pairwise_table import TEST
from fewshot_bench.report.results import MANY
from fewshot_bench.report.table import Column, Entry, Table, number, percent, tabulate

_UNDER = (
    "A, B: mean test accuracy over the seeds that both runs have finished, percent. diff: B minus A, percentage "
    "points, paired by test task and seed. 95 %: its interval, by a two-level bootstrap over seeds and test tasks; "
    "with one seed over test tasks alone. p: two-sided, Student's t of the same standard error. Holm: p corrected for "
    "all lines of this table that have one. real: Holm below 0.05. n: seeds x test tasks. docs/statistics.md has the "
    "formulas."
)


def _score(score: float) -> Entry:
    """An accuracy in percent, or a mean squared error, whose score is negative."""
    return percent(score) if score >= 0 else number(-score, ".4g")


_RESULTS = (
    Column("cells", wrap=True, value=lambda test: Entry(test.label, (test.note,) if test.note else ())),
    Column("A", "right", value=lambda test: _score(test.accuracy_a)),
    Column("B", "right", value=lambda test: _score(test.accuracy_b)),
    *TEST,
)
_DIFFERENCES = (
    Column("where", value=lambda one: one.kind),
    Column("key", wrap=True, value=lambda one: one.key),
    Column("A", wrap=True, value=lambda one: one.a),
    Column("B", wrap=True, value=lambda one: one.b),
    Column("pairs", "right", value=lambda one: str(one.pairs)),
)
_ALONE = (
    Column("in", value=itemgetter(0)),
    Column("cell", wrap=True, value=itemgetter(1)),
    Column("status", value=itemgetter(2)),
)


class Comparison(NamedTuple):
    """tables: what a reader sees, in order. remarks: what could not be compared, in sentences."""

    tables: tuple[Table, ...]
    remarks: tuple[str, ...]


def compare(a: Path, b: Path) -> Comparison:
    """Two runs, each a results folder or a cell's. Raises BenchError if there is nothing."""
    runs = counterparts(read_run(a), read_run(b))
    found, tests = differences(runs.pairs), paired_tests(runs.pairs)
    tables = (_results(tests), _differences(found, len(runs.pairs)), _alone(runs))
    return Comparison(tuple(table for table in tables if table.rows), tuple(_remarks(runs, found, tests)))


def _remarks(runs: Counterparts, found: Sequence[KeyDifference], tests: Sequence[PairedTest]) -> list[str]:
    lines = [f"{cell.folder}: {cell.reason}." for cell in runs.unreadable]
    lines += remarks((str(cell.folder), cell.code) for pair in runs.pairs for cell in (pair.a, pair.b))
    if not runs.pairs:
        return [*lines, "No cell of A has a counterpart in B: their datasets, learners, networks or seeds are others."]
    if not found:
        lines.append("Counterparts do not differ in settings, protocol, code, plan or environment.")
    if not tests:
        lines.append("No two counterparts are both done, so there are no results to compare.")
    return lines


def _results(tests: Sequence[PairedTest]) -> Table:
    return tabulate("results", "What came out: test accuracy of A and B", _RESULTS, tests, under=(_UNDER,))


def _differences(found: Sequence[KeyDifference], pairs: int) -> Table:
    title = f"What differs between A and B, over {counted(pairs, 'pair')} of cells"
    return tabulate("facts", title, _DIFFERENCES, found, keys=_DIFFERENCES[:1])


def _alone(runs: Counterparts) -> Table:
    """Cells that one run has and the other has no counterpart of."""
    lines = [*_named("A", runs.only_a), *_named("B", runs.only_b)]
    return tabulate("alone", "Cells of one run alone", _ALONE, lines, keys=_ALONE[:1])


def _named(side: str, cells: Sequence[CellFolder]) -> list[tuple[str, str, str]]:
    """(run, cell, status) of the first cells, and how many more there are."""
    more = len(cells) - MANY
    rest = [(side, f"and {more:,} more", "")] if more > 0 else []
    return [*((side, cell.name, cell.status) for cell in cells[:MANY]), *rest]
