"""`fewshot-bench compare` as tables and sentences."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.code_changes import remarks
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.ablation import percent
from fewshot_bench.report.comparing import Matched, matched, read_run
from fewshot_bench.report.comparing_facts import Fact, facts
from fewshot_bench.report.comparing_results import Result, results
from fewshot_bench.report.differences_table import COLUMNS, numbers
from fewshot_bench.report.incomplete import MANY
from fewshot_bench.report.table import Column, Entry, Table

_UNDER = (
    "A, B: mean test accuracy over the seeds that both runs have finished, percent. diff: B minus A, percentage "
    "points, paired by test task and seed. 95 %: its interval, by a two-level bootstrap over seeds and test tasks; "
    "with one seed over test tasks alone. p: two-sided, Student's t of the same standard error. Holm: p corrected for "
    "all lines of this table that have one. real: Holm below 0.05. n: seeds x test tasks. docs/statistics.md has the "
    "formulas."
)
_NONE = Entry("-")


class Comparison(NamedTuple):
    """tables: what a reader sees, in order. remarks: what could not be compared, in sentences."""

    tables: tuple[Table, ...]
    remarks: tuple[str, ...]


def compare(a: Path, b: Path) -> Comparison:
    """Two runs, each a results folder or a cell's. Raises BenchError where there is nothing."""
    return compared(matched(read_run(a), read_run(b)))


def compared(runs: Matched) -> Comparison:
    """What differs and what came out, of cells that were read already."""
    differ, found = facts(runs.pairs), results(runs.pairs)
    tables = (_results(found) if found else None, _facts(differ, len(runs.pairs)) if differ else None, _alone(runs))
    return Comparison(tuple(table for table in tables if table), tuple(_remarks(runs, differ, found)))


def _remarks(runs: Matched, differ: Sequence[Fact], found: Sequence[Result]) -> list[str]:
    lines = [f"{cell.folder}: {cell.reason}." for cell in runs.unreadable]
    lines += remarks((str(cell.folder), cell.code) for pair in runs.pairs for cell in (pair.a, pair.b))
    if not runs.pairs:
        return [*lines, "No cell of A has a counterpart in B: their datasets, learners, networks or seeds are others."]
    if not differ:
        lines.append("Counterparts do not differ in settings, protocol, code, plan or environment.")
    if not found:
        lines.append("No two counterparts are both done, so there are no results to compare.")
    return lines


def _results(found: Sequence[Result]) -> Table:
    return Table(
        name="results",
        title="What came out: test accuracy of A and B",
        columns=(Column("cells", wrap=True), Column("A", "right"), Column("B", "right"), *COLUMNS),
        rows=tuple(
            (
                Entry(one.label, (one.why,) if one.why else ()),
                percent(one.accuracy_a),
                percent(one.accuracy_b),
                *(numbers(one.difference, one.corrected) if one.difference else [_NONE] * len(COLUMNS)),
            )
            for one in found
        ),
        under=(_UNDER,),
    )


def _facts(differ: Sequence[Fact], pairs: int) -> Table:
    return Table(
        name="facts",
        title=f"What differs between A and B, over {counted(pairs, 'pair')} of cells",
        columns=(Column("where"), *(Column(title, wrap=True) for title in ("key", "A", "B")), Column("pairs", "right")),
        rows=tuple(tuple(map(Entry, (fact.kind, fact.key, fact.a, fact.b, str(fact.pairs)))) for fact in differ),
        keys=1,
        section=1,
    )


def _alone(runs: Matched) -> Table | None:
    """Cells that one run has and the other has no counterpart of."""
    rows = [*_named("A", runs.only_a), *_named("B", runs.only_b)]
    columns = (Column("in"), Column("cell", wrap=True), Column("status"))
    return Table("alone", "Cells of one run alone", columns, tuple(rows), keys=1, section=1) if rows else None


def _named(side: str, cells: Sequence[CellFolder]) -> list[tuple[Entry, ...]]:
    lines: list[tuple[Entry, ...]] = [(Entry(side), Entry(cell.name), Entry(cell.status)) for cell in cells[:MANY]]
    more = len(cells) - MANY
    return [*lines, (Entry(side), Entry(f"and {more:,} more"), Entry(""))] if more > 0 else lines
