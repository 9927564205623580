"""The columns that say which configuration a row is: no more of them than tell rows apart."""

from collections.abc import Sequence

from fewshot_bench.report.page.words import model, task
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Entry


def key_columns(rows: Sequence[Row]) -> list[str]:
    """Titles: task and model; learner, batch norm and setting where rows differ in them."""
    return [
        *(["learner"] if len({row.group.axes["learner"] for row in rows}) > 1 else []),
        *("task", "model"),
        *(["batch norm"] if len({row.batch_norm for row in rows}) > 1 else []),
        *(["setting"] if any(row.setting for row in rows) else []),
    ]


def key_entries(row: Row, keys: Sequence[str]) -> list[Entry]:
    """What stands under these titles."""
    axes = row.group.axes
    texts = {
        "learner": axes["learner"],
        "task": task(axes),
        "model": model(axes),
        "batch norm": row.batch_norm,
        "setting": row.setting,
    }
    return [Entry(str(texts[key])) for key in keys]
