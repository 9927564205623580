"""Two runs: which cell of one is the counterpart of which of the other, and what their records differ in."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from fewshot_bench.cells.code import recorded
from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import INIT_SEED, differing, flat, key_of, same_initial_weights, with_init_seed
from fewshot_bench.report.names import text_of

UNTRAINED = "untrained"
"""Whether a cell has 0 meta-steps: counterparts agree in it, as in an axis."""

RECORDED = ("plan", "environment")
"""Tables of status.json: how a cell was computed, and with what."""


class Pair(NamedTuple):
    """Counterparts, and the settings in which they differ, keys joined by dots."""

    a: CellFolder
    b: CellFolder
    differing: tuple[str, ...]


class Counterparts(NamedTuple):
    """Two runs. only_a, only_b: cells without a counterpart; unreadable: cells of either without a configuration."""

    pairs: tuple[Pair, ...]
    only_a: tuple[CellFolder, ...]
    only_b: tuple[CellFolder, ...]
    unreadable: tuple[CellFolder, ...]


class KeyDifference(NamedTuple):
    """A key in which counterparts differ. kind: of what it is a key. pairs: how many of them differ just so."""

    kind: str
    key: str
    a: str
    b: str
    pairs: int


def counterparts(a: Sequence[CellFolder], b: Sequence[CellFolder]) -> Counterparts:
    """Cells with the same axes and seed, and of those the pairs that differ least.

    An axis of which each run has one value, and another than the other run, does not tell counterparts apart: it is
    what is compared. So two single cells are always counterparts.
    """
    readable = [with_init_seed([cell for cell in cells if cell.config]) for cells in (a, b)]
    axes = [[_axes(cell) for cell in cells] for cells in readable]
    kept = [axis for axis in (*GRID_AXES, "seed", UNTRAINED) if not _compared(axis, *axes)]
    buckets: dict[str, tuple[list[CellFolder], list[CellFolder]]] = {}
    for side, (cells, values) in enumerate(zip(readable, axes, strict=True)):
        for cell, value in zip(cells, values, strict=True):
            buckets.setdefault(key_of([value[axis] for axis in kept]), ([], []))[side].append(cell)
    pairs = [pair for ours, theirs in buckets.values() for pair in _nearest(ours, theirs)]
    paired = {id(cell) for pair in pairs for cell in pair[:2]}
    only_a, only_b = (tuple(cell for cell in cells if id(cell) not in paired) for cells in readable)
    return Counterparts(tuple(pairs), only_a, only_b, tuple(cell for cell in (*a, *b) if not cell.config))


def settings_of(cell: CellFolder) -> dict[str, Any]:
    """All that was configured, defaults included if config.toml has them, flat."""
    return flat(cell.config)


def differences(pairs: Sequence[Pair]) -> list[KeyDifference]:
    """Settings first, then status, protocol, code, plan, environment; in each, in order of first appearance."""
    counts = Counter(one for pair in pairs for one in _of_pair(pair))
    kinds = ("setting", "status", "protocol", "code", *RECORDED)
    found = [KeyDifference(*one, count) for one, count in counts.items()]
    return sorted(found, key=lambda one: kinds.index(one.kind))


def _axes(cell: CellFolder) -> Mapping[str, Any]:
    untrained = settings_of(cell).get("training.iterations") == 0
    return {**{axis: cell.config[axis] for axis in (*GRID_AXES, "seed")}, UNTRAINED: untrained}


def _compared(axis: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each run has one value of an axis, and they are not the same."""
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
    """The settings in which two cells differ; not init_seed if one names what the other has without naming it."""
    keys = differing([settings_of(a), settings_of(b)])
    return tuple(key for key in keys if key != INIT_SEED or not same_initial_weights([a], [b]))


def _of_pair(pair: Pair) -> Iterator[tuple[str, str, str, str]]:
    """(kind, key, value of A, value of B) of all that a pair differs in."""
    a, b = settings_of(pair.a), settings_of(pair.b)
    for key in pair.differing:
        yield "setting", key, text_of(a.get(key)), text_of(b.get(key))
    if pair.a.status != pair.b.status:
        yield "status", "status", pair.a.status, pair.b.status
    if pair.a.status == pair.b.status == "done":
        yield from _of_tables("protocol", pair.a.fingerprint, pair.b.fingerprint)
    yield from _of_tables("code", _code(pair.a), _code(pair.b))
    for kind in RECORDED:
        yield from _of_tables(kind, flat(pair.a.recorded(kind)), flat(pair.b.recorded(kind)))


def _of_tables(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key in differing([a, b]):
        yield kind, key, _shown(a, key), _shown(b, key)


def _shown(table: Mapping[str, Any], key: str) -> str:
    return text_of(table[key]) if key in table else "not recorded"


def _code(cell: CellFolder) -> dict[str, str]:
    """File or distribution -> hash, for the code that the cell names by import path."""
    held = recorded(cell.status_file)
    return {} if held is None else held.files | held.installed
