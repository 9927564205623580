"""Two runs side by side: which cell of one stands for which of the other."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.cells.reading import FILES, CellFolder, read_cell, read_cells
from fewshot_bench.report.alike import START, joined, key_of, same_start
from fewshot_bench.report.groups import differing, flat

UNTRAINED = "untrained"
"""Whether a cell has 0 meta-steps: told apart as an axis is, since a network is no counterpart of itself untrained."""


class Pair(NamedTuple):
    """Counterparts, and the settings in which they differ, keys joined by dots."""

    a: CellFolder
    b: CellFolder
    differing: tuple[str, ...]


class Matched(NamedTuple):
    """Two runs. only_a, only_b: cells without a counterpart; unreadable: cells of either without a configuration."""

    pairs: tuple[Pair, ...]
    only_a: tuple[CellFolder, ...]
    only_b: tuple[CellFolder, ...]
    unreadable: tuple[CellFolder, ...]


def read_run(path: Path) -> list[CellFolder]:
    """The cells of a results folder, or the one cell whose folder it is.

    Raises BenchError where there is neither.
    """
    if not (path / "cells").is_dir() and any((path / name).is_file() for name in FILES):
        cell = read_cell(path.resolve())
        if cell is None:
            raise BenchError(f"{path} holds no cell that can be read.")
        return [cell]
    return read_cells(path)


def matched(a: Sequence[CellFolder], b: Sequence[CellFolder]) -> Matched:
    """Cells by their settings: the same axes and seed, and of those the pairs that differ least.

    An axis of which each run has one value, and another than the other run, does not tell counterparts apart: it is
    what is compared. So two single cells are always counterparts.
    """
    readable = [joined([cell for cell in cells if cell.config]) for cells in (a, b)]
    axes = [[_axes(cell) for cell in cells] for cells in readable]
    kept = [axis for axis in (*GRID_AXES, "seed", UNTRAINED) if not _compared(axis, *axes)]
    buckets: dict[str, tuple[list[CellFolder], list[CellFolder]]] = {}
    for side, (cells, values) in enumerate(zip(readable, axes, strict=True)):
        for cell, value in zip(cells, values, strict=True):
            buckets.setdefault(key_of([value[axis] for axis in kept]), ([], []))[side].append(cell)
    pairs = [pair for ours, theirs in buckets.values() for pair in _nearest(ours, theirs)]
    paired = {id(cell) for pair in pairs for cell in pair[:2]}
    only_a, only_b = (tuple(cell for cell in cells if id(cell) not in paired) for cells in readable)
    return Matched(tuple(pairs), only_a, only_b, tuple(cell for cell in (*a, *b) if not cell.config))


def settings_of(cell: CellFolder) -> dict[str, Any]:
    """All that was configured, defaults included where config.toml has them, flat."""
    return flat(cell.config)


def _axes(cell: CellFolder) -> Mapping[str, Any]:
    untrained = settings_of(cell).get("training.iterations") == 0
    return {**{axis: cell.config[axis] for axis in (*GRID_AXES, "seed")}, UNTRAINED: untrained}


def _compared(axis: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the runs differ in an axis as wholes."""
    here, there = ({one[axis] for one in side} for side in (ours, theirs))
    return len(here) == len(there) == 1 and here != there


def _nearest(ours: Sequence[CellFolder], theirs: Sequence[CellFolder]) -> list[Pair]:
    """Pairs of cells with equal axes, those with the fewest differences first; each cell once. In order of `ours`."""
    every = [Pair(a, b, _differing(a, b)) for a, b in product(ours, theirs)]
    taken: set[int] = set()
    chosen = []
    for pair in sorted(every, key=lambda pair: len(pair.differing)):  # of equals the first
        if not {id(pair.a), id(pair.b)} & taken:
            taken |= {id(pair.a), id(pair.b)}
            chosen.append(pair)
    return sorted(chosen, key=lambda pair: pair.a.name)


def _differing(a: CellFolder, b: CellFolder) -> tuple[str, ...]:
    """The settings in which two cells differ; not init_seed where one names what the other has without naming it."""
    keys = differing([settings_of(a), settings_of(b)])
    return tuple(key for key in keys if key != START or not same_start([a], [b]))
