"""config.toml: a cell as a file, and back."""

import dataclasses
from typing import Any

from fewshot_bench.basics.options import Option, frozen, problems
from fewshot_bench.training.settings import AXES, RECIPE, Cell, Evaluation, Training

OPTIONS = ("learner_options", "backbone_options", "inner_optimizer_options")


def to_table(cell: Cell) -> dict[str, Any]:
    """What config.toml holds: axes, all of [training] and [evaluation] that is set, and options off their defaults."""
    table: dict[str, Any] = {"recipe": RECIPE} | {axis: getattr(cell, axis) for axis in AXES}
    for name, section in (("training", cell.training), ("evaluation", cell.evaluation)):
        table[name] = {key: value for key, value in dataclasses.asdict(section).items() if value is not None}
    return table | {name: dict(getattr(cell, name)) for name in OPTIONS}


def from_table(table: dict[str, Any]) -> Cell:
    """The cell of a config.toml. Raises ValueError where it is not one of this recipe."""
    if table.get("recipe") != RECIPE:
        raise ValueError(f"it is of recipe {table.get('recipe')!r}; this version computes recipe {RECIPE}")
    known = {"recipe", "training", "evaluation", *AXES, *OPTIONS}
    odd = sorted(set(table) ^ known)
    if odd:
        raise ValueError(f"the key {odd[0]!r} is missing or unknown")
    found = problems(table["training"], section_schema(Training), "[training]")
    found += problems(table["evaluation"], section_schema(Evaluation), "[evaluation]")
    if found:
        raise ValueError(found[0])
    learner, backbone, optimizer = (
        tuple(sorted((key, frozen(value)) for key, value in table[name].items())) for name in OPTIONS
    )
    return Cell(
        **{axis: table[axis] for axis in AXES},
        training=Training(**table["training"]),
        evaluation=Evaluation(**table["evaluation"]),
        learner_options=learner,
        backbone_options=backbone,
        inner_optimizer_options=optimizer,
    )


def section_schema(section: type[Training] | type[Evaluation]) -> dict[str, Option]:
    """The keys of [training] or [evaluation], with their types and defaults."""
    return {f.name: Option(f.type, f.default) for f in dataclasses.fields(section)}
