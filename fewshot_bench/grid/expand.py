"""A grid's tables become cells: lists multiply, [[cells]] add to them, tables of a name override [training].

Nothing here imports torch, unless the grid names code by import path. grid/validation.py tries what the cells name.
"""

from typing import Any, NamedTuple

from fewshot_bench.basics.about import Traits
from fewshot_bench.basics.errors import GridError
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.basics.options import problems, understood
from fewshot_bench.cells.cell import Cell, Evaluation, Training, without_what_does_not_concern
from fewshot_bench.cells.config_file import section_schema
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.grid.axes import Point, points
from fewshot_bench.grid.files import OWN_OPTIONS, OWN_TABLES, TABLES, GridFile, check_shape
from fewshot_bench.grid.overrides import TRAINING, Override, overrides, traits_of, unused
from fewshot_bench.grid.validation import impossible, refusal, unfit

SECTIONS = ("grid", "training", "evaluation", *TABLES.values(), "cells")
EVALUATION = section_schema(Evaluation)


class Block(NamedTuple):
    """[grid] itself or one of [[cells]].

    where: for messages; axes: its own and those inherited; own: the tables of OWN_TABLES, as far as it has them.
    """

    where: str
    axes: dict[str, Any]
    own: dict[str, dict[str, Any]]


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
    cells: dict[Cell, None] = {}
    everywhere: list[Point] = []
    for block in _blocks(content):
        found, wrong = points(block.axes, block.where)
        faults += wrong + problems(block.own.get("training", {}), TRAINING, f"{block.where} training")
        faults += problems(block.own.get("evaluation", {}), EVALUATION, f"{block.where} evaluation")
        options = {axis: block.own.get(key, {}) for axis, key in OWN_OPTIONS.items()}
        given, wrong = overrides(content, found, options, block.where)
        faults += wrong
        traits, wrong = _traits(given)
        faults += wrong
        for point in found:
            cell = _cell(point, given, traits[point["learner"]], content, block)
            faults += impossible(cell) + unfit(cell, traits[cell.learner])
            cells[cell] = None
        everywhere += found
    faults += unused(content, everywhere)
    if faults:
        raise GridError(list(dict.fromkeys(faults)), grid.where)
    return list(cells)


def _blocks(content: dict[str, Any]) -> list[Block]:
    """The grid itself, and each [[cells]] with the axes it inherits."""
    base = content.get("grid", {})
    blocks = [Block("[grid]", base, {})] if base else []
    for number, table in enumerate(content.get("cells", []), start=1):
        axes = {key: value for key, value in table.items() if key not in OWN_TABLES}
        own = {key: table[key] for key in OWN_TABLES if key in table}
        blocks.append(Block(f"[[cells]] number {number}", base | axes, own))
    return blocks


def _traits(given: dict[tuple[str, str], Override]) -> tuple[dict[str, Traits], list[str]]:
    """The traits of each learner by name, the usual ones for one that cannot be made; and a sentence for each such."""
    traits, faults = {}, []
    for name, override in [(name, override) for (axis, name), override in given.items() if axis == "learner"]:
        try:
            traits[name] = traits_of(name, override.options)
        except Exception as error:  # somebody's factory may raise anything; the sentence says what
            traits[name] = Traits()
            faults.append(refusal("learner", name, error))
    return traits, faults


def _cell(
    point: Point,
    given: dict[tuple[str, str], Override],
    traits: Traits,
    content: dict[str, Any],
    block: Block,
) -> Cell:
    """The cell at a point. [training]: the grid's, then what the tables of its names say, then its own.

    traits: of its learner; what belongs to inner optimizers passes by one that has no inner loop.
    """
    training = dict(content.get("training", {}))
    for axis in TABLES:
        if axis != "inner_optimizer" or traits.inner_loop:
            training |= given[axis, point[axis]].training
    cell = Cell(
        **point,
        training=Training(**understood(training | block.own.get("training", {}), TRAINING)),
        evaluation=Evaluation(
            **understood(content.get("evaluation", {}) | block.own.get("evaluation", {}), EVALUATION)
        ),
        learner_options=given["learner", point["learner"]].options,
        backbone_options=given["backbone", point["backbone"]].options,
        inner_optimizer_options=given["inner_optimizer", point["inner_optimizer"]].options,
    )
    return without_what_does_not_concern(cell, DATASETS[cell.dataset].rotations, traits.inner_loop)
