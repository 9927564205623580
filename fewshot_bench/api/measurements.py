"""sensitivity.json: what was measured of a cell by each protocol, task by task, written down as it is found."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.protocols import Protocol
from fewshot_bench.basics.files import write_text

FILE = "sensitivity.json"


class Measured(NamedTuple):
    """right: correctly answered queries of each task, from the first; pace: seconds a task took."""

    right: tuple[int, ...] = ()
    pace: float = 0.0


Measurements = Mapping[Protocol, Measured]


def read(trained: TrainedCell) -> dict[Protocol, Measured]:
    """What an earlier command measured of the same weights; nothing where the file is torn or of others."""
    try:
        content = json.loads((trained.folder / FILE).read_text(encoding="utf-8"))
        if {key: content[key] for key in _facts(trained)} != _facts(trained):
            return {}
        return dict(map(_read_one, content["measured"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(trained: TrainedCell, measured: Measurements) -> None:
    """Writes the file whole or not at all. Raises BenchError where the folder cannot be written."""
    rows = [protocol._asdict() | found._asdict() for protocol, found in measured.items()]
    lines = ",\n".join(f" {json.dumps(row)}" for row in rows)
    facts = json.dumps(_facts(trained), indent=1)[:-2]
    write_text(trained.folder / FILE, f'{facts},\n "measured": [\n{lines}\n]}}\n')


def _facts(trained: TrainedCell) -> dict[str, Any]:
    """What the numbers are of: the cell, and the files its weights came from, whose names hold their hashes."""
    return {"cell": trained.cell.id, "checkpoints": list(trained.files), "device": trained.plan.device}


def _read_one(row: dict[str, Any]) -> tuple[Protocol, Measured]:
    protocol = Protocol(*(row[name] for name in Protocol._fields))
    right = row["right"]
    if not all(type(number) is int for number in right):
        raise ValueError("a count of right answers is no whole number")
    return protocol, Measured(tuple(right), float(row["pace"]))
