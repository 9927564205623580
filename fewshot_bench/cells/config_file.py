"""config.toml: a cell as a table, and back; and a fast parser for many such files."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fewshot_bench.basics.options import Option, frozen, problems
from fewshot_bench.cells.cell import AXES, DEFAULTS, OPTIONS, RECIPE, Cell, Evaluation, Training, concerns

SECTIONS = ("training", "evaluation", *OPTIONS)
_AXES = {axis: Option(int if axis in ("ways", "shots", "seed") else str, None) for axis in AXES}

_FIRST_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def to_table(cell: Cell) -> dict[str, Any]:
    """The content of config.toml: the settings that the hash covers, and the defaults in a table of their own."""
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
    """The cell of a config.toml. Raises ValueError if the table is not a cell of this recipe."""
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
    faults = problems({axis: table[axis] for axis in AXES}, _AXES, "config.toml")
    faults += problems(sections["training"], section_schema(Training), "[training]")
    faults += problems(sections["evaluation"], section_schema(Evaluation), "[evaluation]")
    if faults:
        raise ValueError(faults[0])
    options: dict[str, Any] = {
        name: tuple(sorted((key, frozen(value)) for key, value in sections[name].items())) for name in OPTIONS
    }
    return Cell(
        **{axis: table[axis] for axis in AXES},
        training=Training(**sections["training"]),
        evaluation=Evaluation(**sections["evaluation"]),
        **options,
    )


def section_schema(section: type[Training] | type[Evaluation]) -> dict[str, Option]:
    """The keys of [training] or [evaluation], with their types and defaults."""
    return {f.name: Option(f.type, f.default) for f in dataclasses.fields(section)}


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML as tomllib.loads does, and faster for thousands of files with nearly the same lines.

    Files share tables, so do not change the result. Each line before the first table, and all tables as one piece, are
    parsed once and cached. If a line is not a document by itself (an array over several lines, a key that occurs twice,
    a fault), the whole file is parsed.
    """
    table = _FIRST_TABLE.search(text)
    end = table.start() if table else len(text)
    try:
        pieces = [_parsed_piece(piece) for piece in (*text[:end].split("\n"), text[end:])]
    except tomllib.TOMLDecodeError:
        return tomllib.loads(text)
    whole = {key: value for piece in pieces for key, value in piece.items()}
    return whole if len(whole) == sum(map(len, pieces)) else tomllib.loads(text)


@lru_cache(maxsize=10_000)
def _parsed_piece(piece: str) -> Mapping[str, Any]:
    return tomllib.loads(piece)
