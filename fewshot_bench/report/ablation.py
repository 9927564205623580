"""Table 2 of the paper (model x inner optimizer), beside what was printed and what comes without training."""

import math
from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.cells.contents import SHOWN_AS
from fewshot_bench.report import published
from fewshot_bench.report.doubts import doubts
from fewshot_bench.report.families import families
from fewshot_bench.report.protocol import against_paper, protocol
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table

BEST = "Best by validation among the rows tested on the same tasks."
BY_TEST = "Best by test among these rows; validation, which chooses, has another."

_NONE = Entry("-")
_INTERVALS = {
    True: "over the test tasks where n is 1",
    False: "over seeds and test tasks (two-level bootstrap) where there are several",
}
_NO_GAIN = "Not beyond two standard errors: this training cannot be told from none."


def ablation_table(rows: Sequence[Row]) -> Table:
    """One line a configuration; percent with two decimals. Optional columns are there where a row has use for them."""
    keys = _key_columns(rows)
    paper, interval = any(row.paper for row in rows), any(not math.isnan(row.ci95) for row in rows)
    marks = _marks(rows)
    twin = any(not math.isnan(row.untrained) for row in rows)
    columns = [*keys, Column("mean acc", "right"), Column("std", "right")]
    columns += [Column("ci95", "right")] if interval else []
    columns += [Column("n", "right")]
    spread = "std" if all(row.comparison.std for row in rows if row.comparison) else "±"
    columns += [Column(title, "right", "paper") for title in ("mean", spread, "diff")] if paper else []
    columns += [Column(title, "right", "untrained") for title in ("acc", "gain", "se")] if twin else []
    several = keys[0].title == "learner"
    what = "by learner, model" if several else f"of {rows[0].group.axes['learner']} by model"
    section = [column.title for column in keys].index("kshot") + 1
    return Table(
        name="ablation",
        title=f"Test accuracy {what} and inner optimizer, in percent",
        columns=tuple(columns),
        rows=tuple(
            (
                *_key_entries(row, keys),
                *_ours(row, interval, marks.get(id(row), ())),
                *(_paper(row) if paper else ()),
                *(_untrained(row) if twin else ()),
            )
            for row in rows
        ),
        keys=len(keys),
        section=section,
        under=(*_explained(rows, paper, twin), *protocol(rows)),
    )


def _key_columns(rows: Sequence[Row]) -> list[Column]:
    """The paper's columns; learner, split and setting where they tell rows apart."""
    axes = [row.group.axes for row in rows]
    splits = {(axis["dataset"], axis["split"]) for axis in axes}
    names = [
        *(["learner"] if len({axis["learner"] for axis in axes}) > 1 else []),
        "dataset",
        *(["split"] if len(splits) > len({axis["dataset"] for axis in axes}) else []),
        *("nway", "kshot", "model", "inner_optim"),
        *(["batch norm"] if len({row.batch_norm for row in rows if row.n}) > 1 else []),
        *(["setting"] if any(row.setting for row in rows) else []),
    ]
    return [Column(name, "right" if name in ("nway", "kshot") else "left", wrap=name == "setting") for name in names]


def _key_entries(row: Row, keys: Sequence[Column]) -> list[Entry]:
    axes = row.group.axes
    values = {
        **{name: axes[name] for name in ("learner", "dataset", "split")},
        "nway": axes["ways"],
        "kshot": axes["shots"],
        "model": axes["backbone"],
        "inner_optim": SHOWN_AS.get(axes["inner_optimizer"], axes["inner_optimizer"]),
        "batch norm": row.batch_norm,
        "setting": row.setting,
    }
    return [Entry(str(values[column.title])) for column in keys]


def _marks(rows: Sequence[Row]) -> dict[int, tuple[str, ...]]:
    """By id of the row: which is best by validation, and which test would have chosen, of several trained ones."""
    marks: dict[int, tuple[str, ...]] = {}
    for family in families(rows):
        if family.best and sum(row.group.iterations != 0 for row in family.rows) > 1:
            marks[id(family.best)] = (BEST,)
            marks |= {id(family.by_test): (BY_TEST,)} if family.by_test else {}
    return marks


def _ours(row: Row, interval: bool, marks: tuple[str, ...]) -> list[Entry]:
    count = str(row.n) if row.n == row.group.planned else f"{row.n}/{row.group.planned}"
    half = [percent(row.ci95)] if interval else []
    return [percent(row.mean)._replace(notes=(*marks, *row.code)), percent(row.std), *half, Entry(count)]


def _paper(row: Row) -> list[Entry]:
    if row.paper is None or row.comparison is None:
        return [_NONE, _NONE, _NONE]
    spread, difference = (
        _NONE if math.isnan(value) else Entry(f"{value:{form}}")
        for value, form in ((row.paper.std, ".2f"), (row.difference, "+.2f"))
    )
    return [Entry(f"{row.paper.mean:.2f}", doubts(row)), spread, difference]


def _untrained(row: Row) -> list[Entry]:
    other = (f"Of a network with other {', '.join(row.twin_differs)}.",) if row.twin_differs else ()
    accuracy = percent(row.untrained)
    if row.gain is None:
        return [accuracy._replace(notes=other), _NONE, _NONE]
    paired = row.gain.seeds
    alone = (f"Over {paired} of {counted(row.n, 'seed')}: the others have no pair.",) if paired != row.n else ()
    notes = () if row.gain.mean > 2 * row.gain.standard_error else (_NO_GAIN,)
    gain = round(100 * row.gain.mean, 2) + 0.0  # without the sign of a zero
    return [
        accuracy._replace(notes=(*other, *(alone if row.untrained_n == paired else ()))),
        Entry(f"{gain:+.2f}", (*notes, *alone)),
        percent(row.gain.standard_error),
    ]


def percent(fraction: float) -> Entry:
    """A fraction in percent, two decimals; a dash where there is none."""
    return _NONE if math.isnan(fraction) else Entry(f"{100 * fraction:.2f}")


def _explained(rows: Sequence[Row], paper: bool, twin: bool) -> list[str]:
    """What every number and every spread is."""
    lines = ["mean acc: mean over n seeds of the test accuracy. std: over these seeds (ddof 1)."]
    kinds = {row.n == 1 for row in rows if not math.isnan(row.ci95)}
    if kinds:
        lines[0] += " ci95: half the width of the 95 % interval of the mean, "
        lines[0] += " and ".join(_INTERVALS[alone] for alone in sorted(kinds, reverse=True)) + "."
    if paper:
        lines += _sources(rows)
    if any(_of_figures(row) for row in rows):
        lines += [f"Figures 2 and 3 of the paper: {text}" for text in published.flags(published.FIGURES)]
    if twin:
        lines.append(
            "untrained acc: the same learner and network after 0 meta-steps. gain: trained minus untrained, percentage "
            "points, paired by test task and seed; se: its standard error over tasks, the seeds being averaged first."
        )
    if any(cell.test != "test" for row in rows for cell in row.group.cells):
        lines.append("Two rows that differ in batch norm alone are the same trained networks, tested with each kind.")
    axes = [row.group.axes for row in rows]
    for learner in dict.fromkeys(one["learner"] for one in axes if one["inner_optimizer"] == NO_INNER_OPTIMIZER):
        lines.append(f"{learner} has no inner loop: one cell stands for all inner optimizers.")
    return lines


def _of_figures(row: Row) -> bool:
    """Whether this is the setting that the paper's Figures 2 and 3 were drawn from."""
    axes = row.group.axes
    names = tuple(axes[key] for key in ("learner", "dataset", "ways", "shots", "backbone"))
    return names == (published.COMPARED_LEARNER, "omniglot", 20, 1, "resnet-4")


def _sources(rows: Sequence[Row]) -> list[str]:
    """Whose numbers stand under "paper", by learner."""
    found = dict.fromkeys(row.comparison for row in rows if row.comparison)
    several = len({comparison.learner for comparison in found}) > 1
    lines = []
    for comparison in found:
        line = f"paper{f' of {comparison.learner}' if several else ''}: {comparison.source}; {comparison.recipe}."
        if comparison.source == published.TABLE_2:
            line += f" {against_paper([row for row in rows if row.comparison == comparison])}"
        lines.append(line)
    some = any(row.otherwise for row in rows)
    none = "; none where a footnote says that the paper's was measured otherwise" if some else ""
    return [*dict.fromkeys(lines), f"diff: here minus paper, percentage points{none}."]
