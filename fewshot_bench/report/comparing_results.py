"""Results of two runs: counterparts tested against each other on the tasks that they share."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.contents import SHOWN_AS
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.alike import but_seed, key_of
from fewshot_bench.report.by_task import by_task
from fewshot_bench.report.comparing import Pair, settings_of
from fewshot_bench.report.groups import differing, show
from fewshot_bench.report.holm import holm
from fewshot_bench.report.measured import measured
from fewshot_bench.report.paired import SAME_TASKS
from fewshot_bench.report.two_level import Estimate, estimate

_TASK = ("dataset", "ways", "shots")

Tests = tuple[CellFolder, CellFolder]
"""The same test of two counterparts."""


class Result(NamedTuple):
    """The seeds of one configuration, in both runs.

    accuracy_a, accuracy_b: means over the seeds that both have finished, fractions. difference: B minus A, None where
    the tests cannot be paired, and `why` says why, in a sentence. corrected: p by Holm over all results.
    """

    label: str
    accuracy_a: float
    accuracy_b: float
    difference: Estimate | None
    corrected: float
    why: str


def results(pairs: Sequence[Pair]) -> list[Result]:
    """A result for each configuration and kind of test that both runs have finished."""
    groups: dict[str, list[Tests]] = {}
    for pair in pairs:
        for tests in _tests(pair):
            groups.setdefault(key_of([*map(but_seed, tests), tests[0].test]), []).append(tests)
    found = [
        _result(label, tests) for label, tests in zip(_labels(list(groups.values())), groups.values(), strict=True)
    ]
    corrected = iter(holm([one.difference.p for one in found if one.difference]))
    return [one._replace(corrected=next(corrected)) if one.difference else one for one in found]


def _tests(pair: Pair) -> Iterator[Tests]:
    """The tests that both have: the one that training is for, and one with the other batch norm."""
    if pair.a.status == pair.b.status == "done":
        theirs = {cell.test: cell for cell in measured([pair.b])}
        yield from ((cell, theirs[cell.test]) for cell in measured([pair.a]) if cell.test in theirs)


def _result(label: str, tests: Sequence[Tests]) -> Result:
    a, b = (float(np.mean([pair[side].result["test_accuracy"] for pair in tests])) for side in (0, 1))
    try:
        difference = estimate(np.stack([_difference(*pair) for pair in tests]))
    except BenchError as fault:
        return Result(label, a, b, None, np.nan, f"Not paired: {fault}")
    return Result(label, a, b, difference, np.nan, "" if difference.standard_error or difference.mean else _EQUAL)


_EQUAL = "Equal on every task."


def _difference(a: CellFolder, b: CellFolder) -> NDArray[np.float64]:
    """B minus A by task. Raises BenchError where they were not tested on the same tasks, or cannot be read."""
    ours, theirs = (
        {key: cell.config[key] for key in _TASK} | {key: cell.fingerprint.get(key) for key in SAME_TASKS}
        for cell in (a, b)
    )
    unequal = [f"{key} {show(ours[key])} and {show(theirs[key])}" for key in differing([ours, theirs])]
    if unequal:
        raise BenchError(f"tested on different tasks ({', '.join(unequal)}).")
    first, second = by_task(a), by_task(b)
    if not np.array_equal(first.tasks, second.tasks):
        raise BenchError(f"the tasks of {a.name} and {b.name} have different numbers in episodes.parquet.")
    return second.accuracy - first.accuracy


def _labels(groups: Sequence[Sequence[Tests]]) -> list[str]:
    """A name for each by its axes; where two are called the same, by what else tells the cells of A apart."""
    names = [_name(*tests[0]) for tests in groups]
    settings = [settings_of(tests[0][0]) for tests in groups]
    labels = []
    for own, name in zip(settings, names, strict=True):
        alike = [other for other, theirs in zip(settings, names, strict=True) if theirs == name]
        words = [f"{key.rpartition('.')[2]}={show(own.get(key))}" for key in differing(alike) if key != "seed"]
        labels.append(f"{name} ({', '.join(words)})" if words else name)
    return labels


def _name(a: CellFolder, b: CellFolder) -> str:
    """The axes of counterparts; A's value and B's where they are not the same."""
    values = {
        key: " / ".join(dict.fromkeys(SHOWN_AS.get(str(cell.config[key]), str(cell.config[key])) for cell in (a, b)))
        for key in ("dataset", "ways", "shots", "learner", "backbone", "inner_optimizer")
    }
    name = "{dataset} {ways}-way {shots}-shot, {learner}, {backbone} + {inner_optimizer}".format_map(values)
    untrained = settings_of(a).get("training.iterations") == 0
    return name + ", untrained" * untrained + (f", {a.fingerprint['batch_norm']}" if a.test != "test" else "")
