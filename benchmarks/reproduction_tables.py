"""The committed runs beside what was published, as Markdown tables."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks.reproduced import Reproduced, Run
from fewshot_bench.api.protocols import TOGETHER
from fewshot_bench.api.sensitivity import CSV
from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.names import optimizer, task
from fewshot_bench.report.records import read_trajectories
from fewshot_bench.report.rows import Row

NONE = "–"
HERE = ("meta-steps", "tasks of each", "test tasks", "here", "untrained", "published", "difference")


def against_published(rows: Sequence[Reproduced]) -> str:
    """A line a configuration, of one published table."""
    apart = {
        "learner": [one.row.group.axes["learner"] for one in rows],
        "batch norm": [one.row.batch_norm for one in rows],
    }
    told = {word: names for word, names in apart.items() if len(set(names)) > 1}
    lines = [
        [
            *_named(one.row.group.axes),
            *(names[index] for names in told.values()),
            *_numbers(one),
            ", ".join(one.otherwise) or "nothing",
            f"[{one.run.folder}](../results/reference/{one.run.folder}/README.md)",
        ]
        for index, one in enumerate(rows)
    ]
    words = ("task", "network", "inner optimizer", *told)
    return table(words, HERE, ("changed beside the budget", "run"), lines)


def learned(runs: Iterable[Run]) -> str:
    """Where learned rates and betas of a configuration's first seed ended, a line a hyperparameter."""
    cells = [group.cells[0] for run in runs for group in grouped(read_cells(run.path))]
    lines = []
    for trajectories in filter(None, map(read_trajectories, cells)):
        steps = trajectories.table["iteration"]
        for name, values in trajectories.table.groupby("hyperparameter"):
            first, last = (values[steps[values.index] == step]["value"] for step in (0, steps.max()))
            head = [*_named(trajectories.cell.config), f"{steps.max():,}", str(name)]
            lines.append([*head, *_ends(float(first.iloc[0]), last)])
    numbers = ("tensors", "start", "lowest", "median", "highest", "above the start", "below a tenth of it")
    return table(("task", "network", "inner optimizer", "meta-steps", "learned"), numbers, (), lines)


def sensitivity(runs: Iterable[Run]) -> str:
    """What `sensitivity` found of trained cells, factors crossed: a line a number of queries and kind of batch norm."""
    lines, sizes = [], set[int]()
    for cell in (cell for run in runs for cell in read_cells(run.path) if (cell.folder / CSV).is_file()):
        found = pd.read_csv(cell.folder / CSV)
        crossed = found[(found["factor"] == TOGETHER) & found["accuracy"].notna()]  # without what could not be
        sizes |= set(crossed["ensemble"])
        for (queries, mode), part in crossed.groupby(["queries", "batch_norm"], sort=False):
            tested = {row["ensemble"]: f"{row['accuracy']:.2f} ± {row['ci95']:.2f}" for _, row in part.iterrows()}
            lines.append(([*_named(cell.config), f"{cell.iterations:,}", f"{queries}", f"{mode}"], tested))
    words = ("task", "network", "inner optimizer", "meta-steps", "queries a class", "batch norm")
    columns = sorted(sizes)
    rows = ([*head, *(tested.get(size, NONE) for size in columns)] for head, tested in lines)
    return table(words, [f"ensemble of {size}" for size in columns], (), rows)


def table(words: Sequence[str], numbers: Sequence[str], after: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Numbers to the right, words before and after them to the left; what repeats the line above stands again."""
    titles = (*words, *numbers, *after)
    rule = [*["---"] * len(words), *["---:"] * len(numbers), *["---"] * len(after)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (titles, rule, *lines))


def _named(axes: Mapping[str, Any]) -> list[str]:
    return [task(axes), axes["backbone"], optimizer(axes)]


def _numbers(one: Reproduced) -> list[str]:
    row, published = one.row, one.published
    return [
        f"{one.steps:,} of {one.published_steps:,}",
        f"{one.tasks}" if one.tasks == one.published_tasks else f"{one.tasks} of {one.published_tasks}",
        f"{row.group.fingerprint['evaluation_tasks']:,}",
        f"{100 * row.mean:.2f} ± {100 * row.ci95:.2f}" + _over_seeds(row),
        NONE if math.isnan(row.untrained) else f"{100 * row.untrained:.2f}",
        f"{published.mean:.2f}" + ("" if math.isnan(published.std) else f" ± {published.std:.2f}"),
        f"none: {'; '.join(row.otherwise)}" if row.otherwise else f"{row.difference:+.2f}",
    ]


def _over_seeds(row: Row) -> str:
    return f" ({counted(row.n, 'seed')}, deviation {100 * row.std:.2f})" if row.n > 1 else ""


def _ends(start: float, last: "pd.Series[float]") -> list[str]:
    return [
        f"{len(last)}",
        f"{start:g}",
        *(f"{value:.3g}" for value in (last.min(), last.median(), last.max())),
        f"{(last > start).sum()}",
        f"{(last < start / 10).sum()}",
    ]
