"""From a grid file to cells: lists multiply, [[cells]] add cells, and tables of names override [training].

Nothing here imports torch, unless the grid names code by import path. grid/validation.py tests the named parts.
"""

from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.about import Traits
from fewshot_bench.basics.errors import GridError
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.basics.options import problems, understood
from fewshot_bench.cells.cell import Cell, Evaluation, Training, without_what_does_not_concern
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.grid.axes import (
    EVALUATION,
    TRAINING,
    Override,
    Point,
    TestedOn,
    dataset_in,
    overrides,
    points,
    tested_on,
    traits_of,
    unused,
)
from fewshot_bench.grid.files import OWN_OPTIONS, OWN_TABLES, TABLES, GridFile, check_shape
from fewshot_bench.grid.validation import learner_faults, option_fault, value_faults

SECTIONS = ("grid", "training", "evaluation", *TABLES.values(), "cells")


class GridTable(NamedTuple):
    """[grid], or one of [[cells]].

    where: its place, for messages. axes: its own axes and those of [grid]. own: its tables, with keys of OWN_TABLES.
    """

    where: str
    axes: dict[str, Any]
    own: dict[str, dict[str, Any]]


def expand(grid: GridFile, data_dir: Path | None = None) -> list[Cell]:
    """The cells of a grid, each once, in the order of the file.

    Args:
        grid: The grid file.
        data_dir: Folder of the data, in which imported datasets are looked for; None: $FEWSHOT_DATA, or else datasets/.

    Raises:
        GridError: With all faults.
    """
    content, data_dir = grid.content, data_dir or default_data_dir()
    check_shape(grid)
    faults = [
        f"nothing reads the section [{key}]{did_you_mean(key, SECTIONS)}. Sections: {', '.join(SECTIONS)}."
        for key in content
        if key not in SECTIONS
    ]
    if not content.get("grid") and not content.get("cells"):
        faults.append("there is neither a [grid] nor [[cells]].")
    faults += problems(content.get("training", {}), TRAINING, "[training]")
    faults += problems(content.get("evaluation", {}), EVALUATION, "[evaluation]")
    cells: dict[Cell, None] = {}
    named: list[dict[str, Any]] = []
    for block in _grid_tables(content):
        options = {axis: block.own.get(key, {}) for axis, key in OWN_OPTIONS.items()}
        called = cache(partial(dataset_in, content=content, own=options["dataset"], data_dir=data_dir))
        combinations, wrong = points(block.axes, block.where, called)
        faults += wrong + problems(block.own.get("training", {}), TRAINING, f"{block.where} training")
        faults += problems(block.own.get("evaluation", {}), EVALUATION, f"{block.where} evaluation")
        given, wrong = overrides(content, combinations, options, block.where, data_dir)
        faults += wrong
        traits, wrong = _traits(given)
        faults += wrong
        evaluation = content.get("evaluation", {}) | block.own.get("evaluation", {})
        tested, wrong = tested_on(evaluation, content, f"{block.where}, [evaluation]", data_dir)
        faults += wrong
        named.append(block.axes | {"tested_on": evaluation.get("dataset")})
        for point, other in product(combinations, tested):
            if "split" in evaluation and other.dataset == point["dataset"] and other.split != point["split"]:
                faults.append(
                    f"{block.where}, [evaluation]: `split` is {other.split!r}, but cells of {other.dataset} are tested "
                    f"on the split that they are trained on, {point['split']!r}. Set `split` in [grid]."
                )
            cell = _cell(point, given, traits[point["learner"]], content, block, other)
            faults += value_faults(cell) + learner_faults(cell, traits[cell.learner])
            cells[cell] = None
    faults += unused(content, named)
    if faults:
        raise GridError(list(dict.fromkeys(faults)), grid.where)
    return list(cells)


def _grid_tables(content: dict[str, Any]) -> list[GridTable]:
    """[grid], and each of [[cells]] with the axes that it inherits."""
    base = content.get("grid", {})
    tables = [GridTable("[grid]", base, {})] if base else []
    for number, table in enumerate(content.get("cells", []), start=1):
        axes = {key: value for key, value in table.items() if key not in OWN_TABLES}
        own = {key: table[key] for key in OWN_TABLES if key in table}
        tables.append(GridTable(f"[[cells]] number {number}", base | axes, own))
    return tables


def _traits(given: dict[tuple[str, str], Override]) -> tuple[dict[str, Traits], list[str]]:
    """The traits of each learner by name, the default ones if it cannot be made; and a sentence for each fault."""
    traits, faults = {}, []
    for name, override in [(name, override) for (axis, name), override in given.items() if axis == "learner"]:
        try:
            traits[name] = traits_of(name, override.options)
        except Exception as error:  # a user's factory may raise any error
            traits[name] = Traits()
            faults.append(option_fault("learner", name, error))
    return traits, faults


def _cell(
    point: Point,
    given: dict[tuple[str, str], Override],
    traits: Traits,
    content: dict[str, Any],
    block: GridTable,
    other: TestedOn,
) -> Cell:
    """The cell at a point. Its training settings: the grid's, overridden by the tables of its names, then by its own.

    traits: of its learner. If it has no inner loop, settings in tables of inner optimizers are ignored. other: the
    dataset of its test, if it is another.
    """
    evaluation = content.get("evaluation", {}) | block.own.get("evaluation", {}) | {"dataset": None, "split": None}
    if other.dataset not in (None, point["dataset"]):
        evaluation |= {"dataset": other.dataset, "split": other.split}
    training = dict(content.get("training", {}))
    for axis in TABLES:
        if axis != "inner_optimizer" or traits.inner_loop:
            training |= given[axis, point[axis]].training
    cell = Cell(
        **point,
        training=Training(**understood(training | block.own.get("training", {}), TRAINING)),
        evaluation=Evaluation(**understood(evaluation, EVALUATION)),
        test_dataset_options=other.options if evaluation["dataset"] else (),
        dataset_options=given["dataset", point["dataset"]].options,
        learner_options=given["learner", point["learner"]].options,
        backbone_options=given["backbone", point["backbone"]].options,
        inner_optimizer_options=given["inner_optimizer", point["inner_optimizer"]].options,
    )
    return without_what_does_not_concern(cell, dataset_of(cell).rotations, traits.inner_loop)
