"""Which configurations are the same: equal but for the seed, and trained from the same initial weights."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fewshot_bench.cells.reading import CellFolder

START = "training.init_seed"
"""The setting that a cell does without where it is the cell's own seed: both are one computation, and have one name."""

_TABLE, _, _KEY = START.partition(".")


def key_of(value: object) -> str:
    """The same text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, default=str)


def but_seed(cell: CellFolder) -> str:
    """What the seeds of one configuration share."""
    return _but_seed(cell.identity)


def joined(cells: Sequence[CellFolder]) -> list[CellFolder]:
    """The cells, each with the init_seed of its other seeds where it has that one without naming it.

    Of three seeds with init_seed = 0, seed 0 is trained from the weights of seed 0 anyway and does not name it, so the
    three differ in more than the seed. It is given what the others name; a cell with no such others stays as it is.
    Where the same seeds lie there without init_seed as well, seed 0 would do for either group, since it is the same
    computation. It goes to those that name init_seed and not to both, so that no number counts twice: no other cell
    can ever be their seed 0, while the rest are seeds of a group whose weights differ from seed to seed.
    """
    named = {but_seed(cell) for cell in cells if _named(cell.identity) is not None}
    if not named:
        return list(cells)
    out = []
    for cell in cells:
        identity = _naming(cell.identity, cell.seed)
        missing = bool(cell.identity) and _named(cell.identity) is None
        if missing and _but_seed(identity) in named:
            cell = cell._replace(identity=identity, config=_naming(cell.config, cell.seed))
        out.append(cell)
    return out


def same_start(ours: Collection[CellFolder], theirs: Collection[CellFolder]) -> bool:
    """Whether all of these cells were trained from the same initial weights, named or not, as far as seeds decide."""
    return {_start(cell) for cell in ours} == {_start(cell) for cell in theirs}


def _start(cell: CellFolder) -> object:
    named = _named(cell.config)
    return cell.seed if named is None else named


def _named(table: Mapping[str, Any]) -> object:
    return table.get(_TABLE, {}).get(_KEY)


def _naming(table: Mapping[str, Any], seed: int) -> dict[str, Any]:
    return {**table, _TABLE: {**table.get(_TABLE, {}), _KEY: seed}}


def _but_seed(identity: Mapping[str, Any]) -> str:
    return key_of({key: value for key, value in identity.items() if key != "seed"})
