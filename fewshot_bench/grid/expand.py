"""A grid's tables become cells: lists multiply, [[cells]] add to them, tables of a name override [training]."""

from typing import Any

from fewshot_bench.basics.errors import GridError
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.basics.options import problems, understood
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.grid.axes import Point, points
from fewshot_bench.grid.checks import impossible, unusable
from fewshot_bench.grid.files import TABLES, GridFile, check_shape
from fewshot_bench.grid.fitting import unfit
from fewshot_bench.grid.overrides import TRAINING, Override, overrides, tried
from fewshot_bench.learners.base import Traits
from fewshot_bench.training.cell_file import section_schema
from fewshot_bench.training.settings import Cell, Evaluation, Training, without_what_does_not_concern

SECTIONS = ("grid", "training", "evaluation", *TABLES.values(), "cells")
EVALUATION = section_schema(Evaluation)

Block = tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]
"""Where it stands, its axes, and the [training] and [evaluation] keys that are its own."""


def expand(grid: GridFile) -> list[Cell]:
    """The cells of a grid, each once, in the order written. Raises GridError with every fault found."""
    content = grid.content
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
    blocks = []
    for where, axes, training, evaluation in _blocks(content):
        found, wrong = points(axes, where)
        faults += wrong + problems(training, TRAINING, f"{where} training")
        faults += problems(evaluation, EVALUATION, f"{where} evaluation")
        blocks.append((found, training, content.get("evaluation", {}) | evaluation))
    given, wrong = overrides(content, [point for found, _, _ in blocks for point in found])
    traits, refused = tried(given)
    faults += wrong + refused
    cells = list(
        dict.fromkeys(
            _cell(point, given, traits[point["learner"]], content.get("training", {}), training, evaluation)
            for found, training, evaluation in blocks
            for point in found
        )
    )
    faults += [fault for cell in cells for fault in impossible(cell) + unfit(cell, traits[cell.learner])]
    faults += unusable(cells)
    if faults:
        raise GridError(list(dict.fromkeys(faults)), grid.where)
    return cells


def _blocks(content: dict[str, Any]) -> list[Block]:
    """The grid itself, and each [[cells]] with the axes it inherits."""
    base = content.get("grid", {})
    blocks: list[Block] = []
    if base:
        blocks.append(("[grid]", base, {}, {}))
    for number, table in enumerate(content.get("cells", []), start=1):
        axes = {key: value for key, value in table.items() if key not in ("training", "evaluation")}
        own = table.get("training", {}), table.get("evaluation", {})
        blocks.append((f"[[cells]] number {number}", base | axes, *own))
    return blocks


def _cell(
    point: Point,
    given: dict[tuple[str, str], Override],
    traits: Traits,
    shared: dict[str, Any],
    own: dict[str, Any],
    evaluation: dict[str, Any],
) -> Cell:
    """The cell at a point. [training]: the grid's, then what the tables of its names say, then its own.

    traits: of its learner; what belongs to inner optimizers passes by one that has no inner loop.
    """
    training = dict(shared)
    for axis in TABLES:
        if axis != "inner_optimizer" or traits.inner_loop:
            training |= given[axis, point[axis]].training
    cell = Cell(
        **point,
        training=Training(**understood(training | own, TRAINING)),
        evaluation=Evaluation(**understood(evaluation, EVALUATION)),
        learner_options=given["learner", point["learner"]].options,
        backbone_options=given["backbone", point["backbone"]].options,
        inner_optimizer_options=given["inner_optimizer", point["inner_optimizer"]].options,
    )
    return without_what_does_not_concern(cell, DATASETS[cell.dataset].rotations, traits.inner_loop)
