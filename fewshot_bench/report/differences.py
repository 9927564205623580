"""Which rows differ: paired tests on the tasks that they share, corrected for how many there are."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.accuracies import Read, paired, read_accuracies
from fewshot_bench.report.families import Family
from fewshot_bench.report.holm import holm
from fewshot_bench.report.rows import Row
from fewshot_bench.report.two_level import Estimate, estimate

ALL_PAIRS = 6
"""Up to so many rows of a family, every pair is tested; beyond, each row against the best by validation."""

MOST = 12
"""So many rows at most are held against the best: those with the highest validation accuracy."""

REAL = 0.05
"""The chance of a false alarm among all differences of a family, below which one is called real."""


class Difference(NamedTuple):
    """First minus second, paired by task and seed.

    Why this test. Networks that met the same tasks are compared task by task, since tasks differ far more than networks
    do. What is reported is a mean over hundreds of tasks, so the mean difference is tested, by Student's t; tests of
    ranks or signs ask another question. What it covers: with one seed of each, the draw of test tasks alone, so "real"
    says that these two trained networks differ, not that training again would show it (Bouthillier et al. 2021,
    arXiv:2103.03098); with several, seeds and tasks both (two_level.py). Seeds are paired as well: the same seed has
    the same training tasks and initial weights.

    corrected: p by Holm over the family.
    """

    first: Row
    second: Row
    estimate: Estimate
    corrected: float


class Compared(NamedTuple):
    """A family's differences, how many of its rows were not compared, and what could not be read, in sentences."""

    family: Family
    differences: tuple[Difference, ...]
    left_out: int
    faults: tuple[str, ...]


def compared(family: Family) -> Compared:
    """The differences of a family. Reads no more cells than it compares, and none that was read before."""
    pairs, left_out = _pairs(family)
    if not pairs:
        return Compared(family, (), left_out, _no_best(family))
    rows = {id(row): row for pair in pairs for row in pair}
    read = read_accuracies(row.group for row in rows.values() if row.read is None)
    read |= {id(row.group): row.read for row in rows.values() if row.read is not None}
    faults = [fault for one in read.values() for fault in one.faults]
    found = []
    for first, second in pairs:
        try:
            difference = _estimate(read[id(first.group)], read[id(second.group)])
        except BenchError as fault:
            faults.append(f"Not paired: {first.group.cells[0].name} and {second.group.cells[0].name}: {fault}")
        else:
            found += [(first, second, difference)] if difference else []
    corrected = holm([difference.p for _, _, difference in found])
    differences = tuple(Difference(*one, p) for one, p in zip(found, corrected, strict=True))
    return Compared(family, differences, left_out, tuple(faults))


def _pairs(family: Family) -> tuple[Sequence[tuple[Row, Row]], int]:
    """What to compare, and how many rows stay out."""
    if len(family.rows) <= ALL_PAIRS:
        return list(combinations(family.rows, 2)), 0
    if family.best is None:
        return [], len(family.rows)
    others = [row for row in family.rows if row is not family.best]
    chosen = {id(row) for row in sorted(others, key=lambda row: -row.validation)[:MOST]}
    return [(row, family.best) for row in others if id(row) in chosen], len(others) - len(chosen)


def _no_best(family: Family) -> tuple[str, ...]:
    """Said of a family that has many rows and no best one."""
    axes = family.axes
    place = f"{axes['dataset']} {axes['ways']}-way {axes['shots']}-shot with {family.batch_norm} batch norm"
    why = f"Not compared: {counted(len(family.rows), 'row')} of {place}"
    return (f"{why}. Their validations cannot be held against each other, so none is best by validation.",)


def _estimate(first: Read, second: Read) -> Estimate | None:
    if not first.found or not second.found:
        return None
    values = paired(first.found, second.found)
    return estimate(values) if len(values) else None
