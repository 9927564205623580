"""Groups of seeds as rows of numbers: mean, spread, the paper's value, the untrained value, the paired gain."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.accuracies import Read, read_accuracies
from fewshot_bench.report.comparisons import Comparison, beside
from fewshot_bench.report.groups import Group, grouped, settings
from fewshot_bench.report.measured import measured
from fewshot_bench.report.measured_alike import protocol_differences
from fewshot_bench.report.paired import Gain, paired_gain, twin_of, untrained_of
from fewshot_bench.report.published import Published
from fewshot_bench.report.two_level import estimate


class Row(NamedTuple):
    """One configuration. Accuracies are fractions; the paper's stay in percent, as printed. nan where there is none.

    paper, comparison: the published value beside it and the comparison that it belongs to. otherwise: how the published
    value was measured differently, in words.
    setting: what tells the row from others of the same axes. std: over seeds, ddof 1, nan for one seed.
    ci95: half of the 95 % interval of the mean: over the test tasks of an only seed, over seeds and tasks of several
    (two_level.py). untrained: mean of the twin's seeds, untrained_n: how many; twin_differs: settings, other than of
    training, in which the twin is another. read: its accuracies by task, where ci95 or gain needed them.
    """

    group: Group
    setting: str
    mean: float
    std: float
    ci95: float
    validation: float
    paper: Published | None
    comparison: Comparison | None
    otherwise: tuple[str, ...]
    untrained: float
    untrained_n: int
    twin_differs: tuple[str, ...]
    gain: Gain | None
    read: Read | None = None

    @property
    def n(self) -> int:
        """Seeds done."""
        return len(self.group.cells)

    @property
    def batch_norm(self) -> str:
        """How queries were normalised; empty where no seed is done."""
        return str(self.group.fingerprint.get("batch_norm", ""))

    @property
    def code(self) -> tuple[str, ...]:
        """Footnotes on the code of its cells; none if no code was changed."""
        return tuple(dict.fromkeys(note for cell in self.group.cells for note in cell.code.notes))

    @property
    def difference(self) -> float:
        """Here minus paper, in percentage points; nan if the paper has no value, or one that was measured otherwise."""
        return 100 * self.mean - self.paper.mean if self.paper and not self.otherwise else math.nan


def rows_of(cells: Sequence[CellFolder]) -> tuple[list[Row], list[str]]:
    """A row for each configuration in the order of the paper's table, and sentences on what could not be used.

    Untrained twins stand in their trained counterpart's row; one without counterpart has a row of its own.
    """
    groups = grouped(measured(cells))
    untrained = untrained_of(groups)
    twins = {id(group): twin_of(group, untrained) for group in groups if group.iterations != 0}
    used = {id(twin) for twin, _ in twins.values()}
    shown = sorted((group for group in groups if id(group) not in used), key=_place)
    beside_them = [twins.get(id(group), (None, [])) for group in shown]
    read = read_accuracies(_of_use(shown, [twin for twin, _ in beside_them]))
    faults = [fault for one in read.values() for fault in one.faults]
    rows = []
    for group, setting, (twin, differences) in zip(shown, settings(shown), beside_them, strict=True):
        if group.iterations == 0 and "iterations=0" not in setting:
            setting = ", ".join(filter(None, (setting, "untrained")))
        row = _row(group, setting, twin, read.get(id(group)))
        try:
            gain = _gain(read, group, twin) if twin else None
        except BenchError as fault:
            gain = None
            faults.append(f"Not paired: {group.cells[0].name} and its untrained twin: {fault}")
        rows.append(row._replace(twin_differs=tuple(differences), gain=gain))
    return rows, faults


def _of_use(shown: Sequence[Group], twins: Sequence[Group | None]) -> Iterator[Group]:
    """The groups whose accuracies by task something is computed from."""
    for group, twin in zip(shown, twins, strict=True):
        if twin or len(group.cells) > 1:
            yield group
        if twin:
            yield twin


def _gain(read: Mapping[int, Read], group: Group, twin: Group) -> Gain | None:
    ours, theirs = read[id(group)].found, read[id(twin)].found
    return paired_gain(ours, theirs) if ours and theirs else None


def _row(group: Group, setting: str, twin: Group | None, read: Read | None) -> Row:
    accuracies = [cell.result["test_accuracy"] for cell in group.cells]
    validations = [cell.result["val_accuracy"] for cell in group.cells]
    alone = len(accuracies) == 1
    found = beside(group.axes, str(group.fingerprint.get("batch_norm", "transductive")))
    return Row(
        group=group,
        setting=setting,
        mean=_mean(accuracies),
        std=statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan,
        ci95=group.cells[0].result["test_ci95"] if alone else _ci95(group, read),
        validation=_mean(validations),
        paper=found and found.value,
        comparison=found and found.comparison,
        otherwise=protocol_differences(group.protocol, found.protocol) if found else (),
        untrained=_mean([cell.result["test_accuracy"] for cell in twin.cells]) if twin else math.nan,
        untrained_n=len(twin.cells) if twin else 0,
        twin_differs=(),
        gain=None,
        read=read,
    )


def _ci95(group: Group, read: Read | None) -> float:
    """Over seeds and tasks; nan where not all seeds could be read."""
    found = read.found if read else None
    return estimate(found.values).half_width if found and len(found.seeds) == len(group.cells) else math.nan


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _place(group: Group) -> tuple[object, ...]:
    """By learner and the paper's columns: models alphabetical, Adam before SGD, which is alphabetical too."""
    axes = group.axes
    order = ("learner", "dataset", "split", "ways", "shots", "backbone", "inner_optimizer")
    words = tuple(axes[key].lower() if isinstance(axes[key], str) else axes[key] for key in order)
    return (*words, group.iterations or 0, sorted((key, str(value)) for key, value in group.config.items()))
