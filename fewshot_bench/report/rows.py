"""Groups of seeds as rows of numbers: mean, spread, the paper's value, the untrained value, the paired gain."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.groups import Config, Group, settings
from fewshot_bench.report.published import Published, flags
from fewshot_bench.report.published_beside import (
    PublishedSource,
    no_difference_note,
    protocol_differences,
    published_beside,
)
from fewshot_bench.report.statistics.accuracies import ReadAccuracies, read_accuracies
from fewshot_bench.report.statistics.estimate import estimate
from fewshot_bench.report.statistics.twins import NO_TWIN, Gain, Twin, paired_gain, twins_of


class Row(NamedTuple):
    """One configuration. Accuracies are fractions; the paper's stay in percent, as printed. nan for what is absent.

    paper, source: the published value beside it and where that comes from. otherwise: how the published value was
    measured differently, in words.
    setting: what tells the row from others of the same axes. std: over seeds, ddof 1, nan for one seed.
    ci95: half of the 95 % interval of the mean: over the test tasks of an only seed, over seeds and tasks of several
    (statistics/estimate.py). untrained: mean of the twin's seeds. read: its accuracies by task, if ci95 or gain needed
    them. chosen: a footnote, if it is the best of its family by validation or by test.
    """

    group: Group
    setting: str
    mean: float
    std: float
    ci95: float
    validation: float
    paper: Published | None
    source: PublishedSource | None
    otherwise: tuple[str, ...]
    untrained: float
    twin: Twin
    gain: Gain | None
    read: ReadAccuracies | None = None
    chosen: tuple[str, ...] = ()

    @property
    def axes(self) -> Config:
        """The values of GRID_AXES."""
        return self.group.axes

    @property
    def n(self) -> int:
        """Seeds done."""
        return len(self.group.cells)

    @property
    def batch_norm(self) -> str:
        """How queries were normalised; empty if no seed is done."""
        return str(self.group.fingerprint.get("batch_norm", ""))

    @property
    def code(self) -> tuple[str, ...]:
        """Footnotes on the code of its cells; none if no code was changed."""
        return tuple(dict.fromkeys(note for cell in self.group.cells for note in cell.code.notes))

    @property
    def difference(self) -> float:
        """Here minus paper, in percentage points; nan if the paper has no value, or one that was measured otherwise."""
        return 100 * self.mean - self.paper.mean if self.paper and not self.otherwise else math.nan

    @property
    def doubts(self) -> tuple[str, ...]:
        """Footnotes of the published value: it was measured otherwise, it is quoted, or its sources disagree.

        Names are compared without regard to case.
        """
        if self.source is None:
            return ()
        axes = {key: self.axes[key] for key in ("dataset", "ways", "shots", "backbone", "inner_optimizer")}
        place = {key: value.lower() if isinstance(value, str) else value for key, value in axes.items()}
        quoted = (self.source.quoted,) if self.source.quoted else ()
        return (*no_difference_note(self.otherwise), *quoted, *flags(self.source.name, **place))


def rows_of(groups: Sequence[Group]) -> tuple[list[Row], list[str]]:
    """A row for each configuration in the order of the paper's table, and sentences on what could not be used.

    An untrained twin stands in the row of its trained counterpart; one without counterpart has a row of its own.
    """
    twins = twins_of(groups)
    used = {id(twin.group) for twin in twins.values()}
    shown = sorted((group for group in groups if id(group) not in used), key=_place)
    read = read_accuracies(one for group in shown for one in _to_read(group, twins.get(id(group), NO_TWIN)))
    faults = [fault for one in read.values() for fault in one.faults]
    rows = []
    for group, setting in zip(shown, settings(shown), strict=True):
        if group.iterations == 0 and "iterations=0" not in setting:
            setting = ", ".join(filter(None, (setting, "untrained")))
        twin, gain = twins.get(id(group), NO_TWIN), None
        try:
            gain = _gain(read, group, twin.group) if twin.group else None
        except BenchError as fault:
            faults.append(f"Not paired: {group.cells[0].name} and its untrained twin: {fault}")
        rows.append(_row(group, setting, twin, gain, read.get(id(group))))
    return rows, faults


def _to_read(group: Group, twin: Twin) -> list[Group]:
    """The groups whose accuracies by task the row of `group` is computed from."""
    return [group, twin.group] if twin.group else [group] if len(group.cells) > 1 else []


def _gain(read: Mapping[int, ReadAccuracies], group: Group, twin: Group) -> Gain | None:
    ours, theirs = read[id(group)].accuracies, read[id(twin)].accuracies
    return paired_gain(ours, theirs) if ours and theirs else None


def _row(group: Group, setting: str, twin: Twin, gain: Gain | None, read: ReadAccuracies | None) -> Row:
    accuracies = [cell.result["test_accuracy"] for cell in group.cells]
    prefix = "learner_options."
    options = {key.removeprefix(prefix): value for key, value in group.config.items() if key.startswith(prefix)}
    published = published_beside(group.axes, str(group.fingerprint.get("batch_norm", "transductive")), options)
    return Row(
        group=group,
        setting=setting,
        mean=_mean(accuracies),
        std=statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan,
        ci95=group.cells[0].result["test_ci95"] if len(accuracies) == 1 else _ci95(group, read),
        validation=_mean([cell.result["val_accuracy"] for cell in group.cells]),
        paper=published and published.value,
        source=published and published.source,
        otherwise=protocol_differences(group.protocol, published.protocol) if published else (),
        untrained=_mean([cell.result["test_accuracy"] for cell in twin.group.cells] if twin.group else []),
        twin=twin,
        gain=gain,
        read=read,
    )


def _ci95(group: Group, read: ReadAccuracies | None) -> float:
    """Over seeds and tasks; nan if not all seeds could be read."""
    found = read.accuracies if read else None
    return estimate(found.values).half_width if found and len(found.seeds) == len(group.cells) else math.nan


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _place(group: Group) -> tuple[object, ...]:
    """By learner and the paper's columns: models alphabetical, Adam before SGD, which is alphabetical too."""
    axes = group.axes
    order = ("learner", "dataset", "split", "ways", "shots", "backbone", "inner_optimizer")
    words = tuple(axes[key].lower() if isinstance(axes[key], str) else axes[key] for key in order)
    return (*words, group.iterations or 0, sorted((key, str(value)) for key, value in group.config.items()))
