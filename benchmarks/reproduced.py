"""The committed runs as rows: what was published, what came out here, and all that was not as in the preset."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import schema
from fewshot_bench.cells.cell import DEFAULTS
from fewshot_bench.cells.config_file import to_table
from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.grid.axes import SEAMS
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import read
from fewshot_bench.report.groups import differing, flat
from fewshot_bench.report.published import Published
from fewshot_bench.report.results import read_results
from fewshot_bench.report.rows import Row

REFERENCE = Path(__file__).resolve().parents[1] / "results" / "reference"

BUDGET = ("training.iterations", "training.tasks_per_batch")
"""What a row's own columns say of how long it was trained."""


class Run(NamedTuple):
    """A folder of results/reference, and the preset whose cells its own are."""

    folder: str
    preset: str

    @property
    def path(self) -> Path:
        return REFERENCE / self.folder


class Reproduced(NamedTuple):
    """One trained configuration.

    published: in percent. steps, published_steps: meta-steps done here and published; tasks, published_tasks: of each.
    otherwise: settings, other than of the budget, in which the cell is not the preset's (the likest of those with its
    axes), such as "lr 0.025 (0.1)".
    """

    run: Run
    row: Row
    published: Published
    steps: int
    published_steps: int
    tasks: int
    published_tasks: int
    otherwise: tuple[str, ...]


def reproduced(runs: Sequence[Run]) -> list[Reproduced]:
    """The rows beside which a published number stands, in the order of the runs and, within one, of the paper's table.

    Raises BenchError for a folder without cells, ValueError for a cell whose axes are not in its preset.
    """
    return [
        _reproduced(run, row, row.paper)
        for run in runs
        for row in read_results(run.path).rows
        if row.n and row.paper and row.group.iterations
    ]


def _reproduced(run: Run, row: Row, published: Published) -> Reproduced:
    axes = row.group.axes
    defaults = {"seed": 0, **_defaults(axes)}
    ours = defaults | row.group.config
    planned = [defaults | settings for settings in _planned(run.preset, tuple(axes[axis] for axis in GRID_AXES))]
    theirs, changed = min(((one, _changed(one, ours)) for one in planned), key=lambda pair: len(pair[1]))
    (steps, published_steps), (tasks, published_tasks) = ((int(ours[key]), int(theirs[key])) for key in BUDGET)
    otherwise = tuple(_told(key, ours.get(key), theirs.get(key)) for key in changed)
    return Reproduced(run, row, published, steps, published_steps, tasks, published_tasks, otherwise)


def _changed(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    return [key for key in differing([theirs, ours]) if key not in (*GRID_AXES, "seed", "recipe", *BUDGET)]


def _defaults(axes: Mapping[str, Any]) -> dict[str, Any]:
    """The options of learner, backbone and inner optimizer that hold where a cell says nothing."""
    return {
        f"{axis}_options.{name}": option.default
        for axis, names in SEAMS.items()
        for name, option in schema(find(axis, axes[axis], names)).items()
    }


def _told(key: str, ours: object, theirs: object) -> str:
    section, _, name = key.rpartition(".")
    shown = (f"{one:,}" if type(one) is int else f"{one}" for one in (ours, theirs))
    return "{} {} ({})".format(name if section.endswith("_options") else key, *shown)


@cache
def _plan(preset: str) -> list[dict[str, Any]]:
    """The preset's cells, defaults filled in, as the report has those of a folder."""
    tables = [to_table(cell) for cell in expand(read(preset))]
    for table in tables:
        for name, defaults in table.pop(DEFAULTS).items():
            table[name] = defaults | table.get(name, {})
    return [flat(table) for table in tables]


def _planned(preset: str, axes: tuple[object, ...]) -> list[dict[str, Any]]:
    """The preset's cells with these axes; [[cells]] may have others of them."""
    found = [table for table in _plan(preset) if tuple(table[axis] for axis in GRID_AXES) == axes]
    if not found:
        raise ValueError(f"{preset} has no cell of {', '.join(map(str, axes))}")
    return found
