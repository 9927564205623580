"""Rows that met the same test tasks, and which of them is best: by validation, and what test would have chosen."""

from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.cells.contents import SHOWN_AS
from fewshot_bench.report.alike import key_of
from fewshot_bench.report.groups import Config
from fewshot_bench.report.paired import SAME_TASKS
from fewshot_bench.report.rows import Row

PLACE = ("dataset", "split", "ways", "shots")
"""Axes that rows of a family share, beside batch norm and the fingerprint's facts of the test tasks."""


class Family(NamedTuple):
    """Rows with a result that were tested on the same tasks with the same batch norm.

    axes: of the first row; those in PLACE are of all. best: by mean validation accuracy among the trained rows with the
    most finished seeds; None without any, or where validations cannot be compared. by_test: the row that test would
    have chosen instead; None where that is the best itself.
    """

    axes: Config
    batch_norm: str
    rows: tuple[Row, ...]
    best: Row | None
    by_test: Row | None


def families(rows: Sequence[Row]) -> list[Family]:
    """In order of first appearance; rows without a result are in none."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.n:
            facts = row.group.fingerprint
            place = [row.group.axes[axis] for axis in PLACE], row.batch_norm, [facts.get(key) for key in SAME_TASKS]
            found.setdefault(key_of(place), []).append(row)
    return [_family(members) for members in found.values()]


def best(rows: Sequence[Row]) -> Row | None:
    """The highest mean validation accuracy among the rows with the most finished seeds; of equals the first."""
    most = max((row.n for row in rows), default=0)
    return max((row for row in rows if row.n == most), key=lambda row: row.validation, default=None)


def better_by_test(chosen: Row | None, rows: Sequence[Row]) -> Row | None:
    """The row with as many seeds that test would have chosen; None where it is the chosen one or as good."""
    rivals = [row for row in rows if chosen and row.n == chosen.n]
    winner = max(rivals, key=lambda row: row.mean, default=None)
    return winner if chosen and winner and winner.mean > chosen.mean else None


def labels(rows: Sequence[Row]) -> list[str]:
    """What to call each row beside the others: learner where there are several, model and inner optimizer, setting."""
    several = len({row.group.axes["learner"] for row in rows}) > 1
    names = []
    for row in rows:
        axes = row.group.axes
        rule = SHOWN_AS.get(axes["inner_optimizer"], axes["inner_optimizer"])
        name = f"{axes['learner']}, " if several else ""
        name += f"{axes['backbone']} + {rule}"
        names.append(f"{name} ({row.setting})" if row.setting else name)
    return names


def _family(rows: Sequence[Row]) -> Family:
    """A second test, with the other batch norm, has the validations of the first: not to be held against others'."""
    trained = [row for row in rows if row.group.iterations != 0]
    comparable = len({cell.test == "test" for row in trained for cell in row.group.cells}) == 1
    chosen = best(trained) if comparable else None
    return Family(rows[0].group.axes, rows[0].batch_norm, tuple(rows), chosen, better_by_test(chosen, trained))
