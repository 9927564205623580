"""A cell's validations, which are in no table of the report: read again, and without trust."""

import json

from fewshot_bench.cells.contents import number, whole
from fewshot_bench.cells.reading import CellFolder


def validated(cell: CellFolder) -> dict[int, float]:
    """Validation accuracy, a fraction, by meta-step, as a finished cell's result.json has it; {} where it has none.

    The numbers are those of metrics.jsonl, which has a line a meta-step beside them and may be a thousand times longer.
    """
    try:
        content = json.loads((cell.folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    epochs = content.get("epochs") if isinstance(content, dict) else None
    found: dict[int, float] = {}
    for epoch in epochs if isinstance(epochs, list) else []:
        pair = (whole(epoch.get("iteration")), number(epoch.get("val_accuracy"))) if isinstance(epoch, dict) else ()
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            found[pair[0]] = pair[1]
    return dict(sorted(found.items()))
