"""config.toml: a cell as a file, and back."""

import dataclasses
from typing import Any

from fewshot_bench.basics.options import Option, frozen, problems
from fewshot_bench.cells.cell import AXES, DEFAULTS, RECIPE, Cell, Evaluation, Training, concerns

OPTIONS = ("learner_options", "backbone_options", "inner_optimizer_options")
SECTIONS = ("training", "evaluation", *OPTIONS)
_AXES = {axis: Option(int if axis in ("ways", "shots", "seed") else str, None) for axis in AXES}


def to_table(cell: Cell) -> dict[str, Any]:
    """What config.toml holds: what the hash covers and, in a table of their own, the defaults that hold beside it."""
    table = concerns(cell)
    defaults = {
        name: {
            key: value
            for key, value in dataclasses.asdict(section).items()
            if value is not None and key not in table.get(name, {})
        }
        for name, section in (("training", cell.training), ("evaluation", cell.evaluation))
    }
    return table | {DEFAULTS: defaults}


def from_table(table: dict[str, Any]) -> Cell:
    """The cell of a config.toml. Raises ValueError where it is not one of this recipe."""
    if table.get("recipe") != RECIPE:
        raise ValueError(f"it is of recipe {table.get('recipe')!r}; this version computes recipe {RECIPE}")
    missing = sorted({"recipe", *AXES} - set(table))
    odd = sorted(set(table) - {"recipe", *AXES, *SECTIONS, DEFAULTS})
    if missing or odd:
        raise ValueError(f"the key {(missing or odd)[0]!r} is {'missing' if missing else 'unknown'}")
    sections = {name: table.get(name, {}) for name in SECTIONS}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise ValueError(f"`{name}` is not a table")
    found = problems({axis: table[axis] for axis in AXES}, _AXES, "config.toml")
    found += problems(sections["training"], section_schema(Training), "[training]")
    found += problems(sections["evaluation"], section_schema(Evaluation), "[evaluation]")
    if found:
        raise ValueError(found[0])
    learner, backbone, optimizer = (
        tuple(sorted((key, frozen(value)) for key, value in sections[name].items())) for name in OPTIONS
    )
    return Cell(
        **{axis: table[axis] for axis in AXES},
        training=Training(**sections["training"]),
        evaluation=Evaluation(**sections["evaluation"]),
        learner_options=learner,
        backbone_options=backbone,
        inner_optimizer_options=optimizer,
    )


def section_schema(section: type[Training] | type[Evaluation]) -> dict[str, Option]:
    """The keys of [training] or [evaluation], with their types and defaults."""
    return {f.name: Option(f.type, f.default) for f in dataclasses.fields(section)}
