"""Families: rows tested on the same tasks. Which row is best, by validation, and which rows differ, by paired tests."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.groups import Config, key_of
from fewshot_bench.report.names import with_commas, with_optimizer, with_setting
from fewshot_bench.report.rows import Row
from fewshot_bench.report.statistics.accuracies import ReadAccuracies, paired, read_accuracies
from fewshot_bench.report.statistics.estimate import MeanEstimate, estimate, holm
from fewshot_bench.report.statistics.twins import SAME_TASKS

PLACE = ("dataset", "split", "ways", "shots")
"""Axes that rows of a family share, beside batch norm and the fingerprint's facts of the test tasks."""

ALL_PAIRS = 6
"""In a family of at most so many rows, every pair is tested; in a larger one, each row against the best."""

MOST = 12
"""So many rows at most are compared with the best: those with the highest validation accuracy."""


class PairedDifference(NamedTuple):
    """First minus second, paired by task and seed.

    Why this test. Networks that met the same tasks are compared task by task, since tasks differ far more than networks
    do. What is reported is a mean over hundreds of tasks, so the mean difference is tested, by Student's t; tests of
    ranks or signs ask another question. What it covers: with one seed of each, the draw of test tasks alone, so "real"
    says that these two trained networks differ, not that training again would show it (Bouthillier et al. 2021,
    arXiv:2103.03098); with several, seeds and tasks both (estimate.py). Seeds are paired as well: the same seed has
    the same training tasks and initial weights.

    corrected: p by Holm over the family.
    """

    first: Row
    second: Row
    estimate: MeanEstimate
    corrected: float


class Family(NamedTuple):
    """Rows with a result that were tested on the same tasks with the same batch norm.

    axes: of the first row; those in PLACE are of all. best: by mean validation accuracy among the trained rows with the
    most finished seeds; None without any, or if validations cannot be compared. by_test: the row that test would
    have chosen instead; None if that is the best itself.
    differences: of pairs of rows. left_out: how many rows were not compared. faults: sentences on what could not be
    read or compared.
    """

    axes: Config
    batch_norm: str
    rows: tuple[Row, ...]
    best: Row | None
    by_test: Row | None
    differences: tuple[PairedDifference, ...] = ()
    left_out: int = 0
    faults: tuple[str, ...] = ()


def families_of(rows: Sequence[Row]) -> list[Family]:
    """In order of first appearance; rows without a result are in none. Reads accuracies that no row has read yet."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        if row.n:
            facts = row.group.fingerprint
            place = [row.axes[axis] for axis in PLACE], row.batch_norm, [facts.get(key) for key in SAME_TASKS]
            members.setdefault(key_of(place), []).append(row)
    return [_with_differences(_family(own)) for own in members.values()]


def best(rows: Sequence[Row]) -> Row | None:
    """The highest mean validation accuracy among the rows with the most finished seeds; of equals the first."""
    most = max((row.n for row in rows), default=0)
    return max((row for row in rows if row.n == most), key=lambda row: row.validation, default=None)


def better_by_test(chosen: Row | None, rows: Sequence[Row]) -> Row | None:
    """The row with as many seeds that test would have chosen; None if it is the chosen one or as good."""
    rivals = [row for row in rows if chosen and row.n == chosen.n]
    winner = max(rivals, key=lambda row: row.mean, default=None)
    return winner if chosen and winner and winner.mean > chosen.mean else None


def labels(rows: Sequence[Row]) -> list[str]:
    """A name for each row beside the others: learner if there are several, model and inner optimizer, setting."""
    several = len({row.axes["learner"] for row in rows}) > 1
    names = (with_commas(row.axes["learner"] * several, with_optimizer(row.axes)) for row in rows)
    return [with_setting(name, row.setting) for name, row in zip(names, rows, strict=True)]


def _family(rows: Sequence[Row]) -> Family:
    """Without differences. A second test has the validations of the first, which chose another batch norm's epochs."""
    trained = [row for row in rows if row.group.iterations != 0]
    comparable = len({cell.test == "test" for row in trained for cell in row.group.cells}) == 1
    chosen = best(trained) if comparable else None
    return Family(rows[0].group.axes, rows[0].batch_norm, tuple(rows), chosen, better_by_test(chosen, trained))


def _with_differences(family: Family) -> Family:
    pairs, left_out = _pairs(family)
    if not pairs:
        return family._replace(left_out=left_out, faults=_no_best(family) if left_out else ())
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
    differences = tuple(PairedDifference(*one, p) for one, p in zip(found, corrected, strict=True))
    return family._replace(differences=differences, left_out=left_out, faults=tuple(faults))


def _pairs(family: Family) -> tuple[Sequence[tuple[Row, Row]], int]:
    """What to compare, and how many rows are left out."""
    if len(family.rows) <= ALL_PAIRS:
        return list(combinations(family.rows, 2)), 0
    if family.best is None:
        return [], len(family.rows)
    others = [row for row in family.rows if row is not family.best]
    chosen = {id(row) for row in sorted(others, key=lambda row: -row.validation)[:MOST]}
    return [(row, family.best) for row in others if id(row) in chosen], len(others) - len(chosen)


def _no_best(family: Family) -> tuple[str, ...]:
    """Why a family of many rows is not compared: it has no best row."""
    axes = family.axes
    place = f"{axes['dataset']} {axes['ways']}-way {axes['shots']}-shot with {family.batch_norm} batch norm"
    why = f"Not compared: {counted(len(family.rows), 'row')} of {place}"
    return (f"{why}. Their validations cannot be held against each other, so none is best by validation.",)


def _estimate(first: ReadAccuracies, second: ReadAccuracies) -> MeanEstimate | None:
    if not first.accuracies or not second.accuracies:
        return None
    values = paired(first.accuracies, second.accuracies)
    return estimate(values) if len(values) else None
