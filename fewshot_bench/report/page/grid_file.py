"""The grid file that makes a folder's cells, written from their configurations."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import tomli_w

from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.alike import joined, key_of

_AXES = (*GRID_AXES, "seed")
_RECIPE = "recipe"


def grid_file(cells: Sequence[CellFolder]) -> str:
    """TOML with a [[cells]] table for cells that differ in their axes alone, as few as the combinations allow.

    Cells without a readable configuration are left out; empty where none has one.
    """
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for cell in joined(cells):
        if cell.identity:
            alike.setdefault(key_of(_rest(cell.identity)), []).append(cell.identity)
    tables = [table for identities in alike.values() for table in _tables(identities)]
    return tomli_w.dumps({"cells": tables}) if tables else ""


def _rest(identity: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without its axes."""
    return {key: value for key, value in identity.items() if key not in (*_AXES, _RECIPE)}


def _tables(identities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One table where all combinations are there; else those of each value of the first axis that has several."""
    values = {axis: sorted({identity[axis] for identity in identities}) for axis in _AXES}
    points = {tuple(identity[axis] for axis in _AXES) for identity in identities}
    if prod(map(len, values.values())) == len(points):
        lists = {axis: found if len(found) > 1 or axis == "seed" else found[0] for axis, found in values.items()}
        return [lists | _rest(identities[0])]
    parted = next(axis for axis, found in values.items() if len(found) > 1)
    parts = [[identity for identity in identities if identity[parted] == value] for value in values[parted]]
    return [table for part in parts for table in _tables(part)]
