"""Test accuracies of two runs: counterparts are compared, in pairs, on the tasks that they share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.contents import is_regression
from fewshot_bench.cells.folders import EPISODES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.compare.counterparts import Pair, settings_of
from fewshot_bench.report.groups import differing, each_test, key_of, without_seed
from fewshot_bench.report.names import INNER_OPTIMIZERS, text_of
from fewshot_bench.report.statistics.accuracies import by_task
from fewshot_bench.report.statistics.estimate import MeanEstimate, estimate, holm
from fewshot_bench.report.statistics.twins import SAME_TASKS

_TASK = ("dataset", "ways", "shots")

Tests = tuple[CellFolder, CellFolder]
"""The same test of two counterparts."""


class PairedTest(NamedTuple):
    """The seeds of one configuration, in both runs.

    accuracy_a, accuracy_b: means over the seeds that both have finished, fractions. estimate: of B minus A, None if
    the tests cannot be paired. note: why they cannot, or that they are equal, a sentence; corrected: p by Holm over all
    tests.
    """

    label: str
    accuracy_a: float
    accuracy_b: float
    estimate: MeanEstimate | None
    corrected: float
    note: str


def paired_tests(pairs: Sequence[Pair]) -> list[PairedTest]:
    """A test for each configuration and kind of test that both runs have finished."""
    groups: dict[str, list[Tests]] = {}
    for pair in pairs:
        for tests in _tests(pair):
            groups.setdefault(key_of([*(without_seed(cell.identity) for cell in tests), tests[0].test]), []).append(
                tests
            )
    found = [
        _paired_test(label, tests) for label, tests in zip(_labels(list(groups.values())), groups.values(), strict=True)
    ]
    corrected = iter(holm([one.estimate.p for one in found if one.estimate]))
    return [one._replace(corrected=next(corrected)) if one.estimate else one for one in found]


def _tests(pair: Pair) -> Iterator[Tests]:
    """The tests that both have: the one that training is for, and one with the other batch norm."""
    if pair.a.status == pair.b.status == "done":
        theirs = {cell.test: cell for cell in each_test([pair.b])}
        yield from ((cell, theirs[cell.test]) for cell in each_test([pair.a]) if cell.test in theirs)


def _paired_test(label: str, tests: Sequence[Tests]) -> PairedTest:
    a, b = (float(np.mean([pair[side].result["test_accuracy"] for pair in tests])) for side in (0, 1))
    if any(is_regression(cell.fingerprint) for pair in tests for cell in pair):
        return PairedTest(label, a, b, None, np.nan, _ERRORS)
    try:
        difference = estimate(np.stack([_difference(*pair) for pair in tests]))
    except BenchError as fault:
        return PairedTest(label, a, b, None, np.nan, f"Not paired: {fault}")
    return PairedTest(label, a, b, difference, np.nan, "" if difference.standard_error or difference.mean else _EQUAL)


_EQUAL = "Equal on every task."
_ERRORS = "Mean squared errors, which are not tested here: their spread over tasks is far from normal."


def _difference(a: CellFolder, b: CellFolder) -> NDArray[np.float64]:
    """B minus A by task. Raises BenchError if they were not tested on the same tasks, or cannot be read."""
    ours, theirs = (
        {key: cell.config[key] for key in _TASK} | {key: cell.fingerprint.get(key) for key in SAME_TASKS}
        for cell in (a, b)
    )
    unequal = [f"{key} {text_of(ours[key])} and {text_of(theirs[key])}" for key in differing([ours, theirs])]
    if unequal:
        raise BenchError(f"tested on different tasks ({', '.join(unequal)}).")
    first, second = by_task(a), by_task(b)
    if not np.array_equal(first.tasks, second.tasks):
        raise BenchError(f"the tasks of {a.name} and {b.name} have different numbers in {EPISODES}.")
    return second.accuracy - first.accuracy


def _labels(groups: Sequence[Sequence[Tests]]) -> list[str]:
    """A name for each by its axes; if two are called the same, by what else tells the cells of A apart."""
    names = [_name(*tests[0]) for tests in groups]
    settings = [settings_of(tests[0][0]) for tests in groups]
    labels = []
    for own, name in zip(settings, names, strict=True):
        alike = [other for other, theirs in zip(settings, names, strict=True) if theirs == name]
        keys = [key for key in differing(alike) if key != "seed" and not key.startswith("test_dataset_options.")]
        words = [_word(key, own) for key in keys]
        labels.append(f"{name} ({', '.join(words)})" if words else name)
    return labels


def _word(key: str, own: Mapping[str, object]) -> str:
    """A setting that tells cells apart. Another dataset of the tests stands for its options, and for no other."""
    if key in ("evaluation.dataset", "evaluation.split"):
        part = key.rpartition(".")[2]
        return f"tested on {part} {text_of(own.get(key, own[part]))}"
    return f"{key.rpartition('.')[2]}={text_of(own.get(key))}"


def _name(a: CellFolder, b: CellFolder) -> str:
    """The axes of counterparts; A's value and B's if they are not the same."""
    values = {
        key: " / ".join(
            dict.fromkeys(INNER_OPTIMIZERS.get(str(cell.config[key]), str(cell.config[key])) for cell in (a, b))
        )
        for key in ("dataset", "ways", "shots", "learner", "backbone", "inner_optimizer")
    }
    name = "{dataset} {ways}-way {shots}-shot, {learner}, {backbone} + {inner_optimizer}".format_map(values)
    untrained = settings_of(a).get("training.iterations") == 0
    return name + ", untrained" * untrained + (f", {a.fingerprint['batch_norm']}" if a.test != "test" else "")
