"""What lies beside a cell's result and is in no table of the report: read again, and without trust."""

import json
from collections.abc import Mapping
from typing import Any

from fewshot_bench.report.contents import number, whole
from fewshot_bench.report.reading import Cell


def status(cell: Cell) -> dict[str, Any]:
    """status.json; {} where it cannot be read."""
    return _table(cell, "status.json")


def facts(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A table within a status, such as its plan; {} where it is none."""
    found = said.get(key)
    return dict(found) if isinstance(found, dict) else {}


def validated(cell: Cell) -> dict[int, float]:
    """Validation accuracy, a fraction, by meta-step, as a finished cell's result.json has it; {} where it has none.

    The numbers are those of metrics.jsonl, which has a line a meta-step beside them and may be a thousand times longer.
    """
    epochs = _table(cell, "result.json").get("epochs")
    found: dict[int, float] = {}
    for epoch in epochs if isinstance(epochs, list) else []:
        pair = (whole(epoch.get("iteration")), number(epoch.get("val_accuracy"))) if isinstance(epoch, dict) else ()
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            found[pair[0]] = pair[1]
    return dict(sorted(found.items()))


def _table(cell: Cell, name: str) -> dict[str, Any]:
    try:
        content = json.loads((cell.folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
