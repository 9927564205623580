"""Table 2 of the paper (model x inner optimizer), beside what was printed and what comes without training."""

import math
from collections.abc import Sequence

from fewshot_bench.report import published
from fewshot_bench.report.protocol import against_paper, protocol
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table

SHOWN_AS = {"adam": "Adam", "sgd": "SGD"}
"""Inner optimizers as the paper prints them; others as the grid names them."""

_NONE = Entry("-")
_NO_GAIN = "Not beyond two standard errors: this training cannot be told from none."


def ablation_table(rows: Sequence[Row]) -> Table:
    """One line a configuration; percent with two decimals. Optional columns are there where a row has use for them."""
    keys = _key_columns(rows)
    paper, one_seed = any(row.paper for row in rows), any(row.n == 1 for row in rows)
    twin = any(not math.isnan(row.untrained) for row in rows)
    columns = [*keys, Column("mean acc", "right"), Column("std", "right")]
    columns += [Column("ci95", "right")] if one_seed else []
    columns += [Column("n", "right")]
    columns += [Column(title, "right", "paper") for title in ("mean", "std", "diff")] if paper else []
    columns += [Column(title, "right", "untrained") for title in ("acc", "gain", "se")] if twin else []
    section = [column.title for column in keys].index("kshot") + 1
    return Table(
        name="ablation",
        title="Test accuracy by model and inner optimizer, in percent",
        columns=tuple(columns),
        rows=tuple(
            (
                *_key_entries(row, keys),
                *_ours(row, one_seed),
                *(_paper(row) if paper else ()),
                *(_untrained(row) if twin else ()),
            )
            for row in rows
        ),
        keys=len(keys),
        section=section,
        under=(*_explained(rows, paper, one_seed, twin), *protocol(rows)),
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
        "setting": row.setting,
    }
    return [Entry(str(values[column.title])) for column in keys]


def _ours(row: Row, one_seed: bool) -> list[Entry]:
    count = str(row.n) if row.n == row.group.planned else f"{row.n}/{row.group.planned}"
    interval = [percent(row.ci95) if row.n == 1 else Entry("")] if one_seed else []
    return [percent(row.mean), percent(row.std), *interval, Entry(count)]


def _paper(row: Row) -> list[Entry]:
    if row.paper is None:
        return [_NONE, _NONE, _NONE]
    axes = row.group.axes
    doubts = published.flags(published.TABLE_2, **{key: axes[key] for key in ("dataset", "ways", "shots", "backbone")})
    difference = _NONE if math.isnan(row.difference) else Entry(f"{row.difference:+.2f}")
    return [Entry(f"{row.paper.mean:.2f}", doubts), Entry(f"{row.paper.std:.2f}"), difference]


def _untrained(row: Row) -> list[Entry]:
    other = (f"Of a network with other {', '.join(row.twin_differs)}.",) if row.twin_differs else ()
    accuracy = percent(row.untrained)._replace(notes=other)
    if row.gain is None:
        return [accuracy, _NONE, _NONE]
    doubts: tuple[str, ...] = () if row.gain.mean > 2 * row.gain.standard_error else (_NO_GAIN,)
    doubts += () if row.gain.seeds == row.n else (f"Over {row.gain.seeds} of {row.n} seeds: the others have no pair.",)
    return [accuracy, Entry(f"{100 * row.gain.mean:+.2f}", doubts), percent(row.gain.standard_error)]


def percent(fraction: float) -> Entry:
    """A fraction in percent, two decimals; a dash where there is none."""
    return _NONE if math.isnan(fraction) else Entry(f"{100 * fraction:.2f}")


def _explained(rows: Sequence[Row], paper: bool, one_seed: bool, twin: bool) -> list[str]:
    """What every number and every spread is."""
    lines = ["mean acc: mean over n seeds of the test accuracy. std: over these seeds (ddof 1)."]
    if one_seed:
        lines[0] += " ci95: of a single seed, half the width of the 95 % interval over its test tasks."
    if paper:
        lines.append(
            f"paper: {published.TABLE_2}; {published.PROTOCOL}. "
            f"diff: here minus paper, percentage points. {against_paper(rows)}"
        )
    if twin:
        lines.append(
            "untrained acc: the same network after 0 meta-steps. gain: trained minus untrained, percentage points, "
            "paired by test task and seed; se: its standard error over tasks, the seeds being averaged first."
        )
    return lines
