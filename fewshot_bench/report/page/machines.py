"""What the cells were computed with: versions and devices, and the plans. The host's name is left out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.table import Column, Entry, Table

HIDDEN = ("host",)
"""Of an environment: it says where somebody works, and nothing of the result."""

_COMMIT = "commit"  # as in git_commit, or commit


def environment_table(cells: Sequence[CellFolder]) -> Table | None:
    """A line for each set of versions and device that cells were computed with; None where none is recorded."""
    found = [_shown(cell.recorded("environment")) for cell in cells]
    if not any(found):
        return None
    commit = any(_COMMIT in key for one in found for key in one)
    under = "" if commit else "No git commit is recorded in this folder."
    return _table("environment", "Environments", found, tuple(filter(None, (under,))))


def plan_table(cells: Sequence[CellFolder]) -> Table | None:
    """A line for each plan; None where none is recorded."""
    found = [cell.recorded("plan") for cell in cells]
    why = "A plan is found by a short measurement before a cell's first step, or given by run --plan, and then kept."
    return _table("plans", "Plans: how the cells were computed", found, (why,)) if any(found) else None


def _shown(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in environment.items() if key not in HIDDEN}


def _table(name: str, title: str, found: Sequence[Mapping[str, Any]], under: tuple[str, ...]) -> Table:
    """A line for each different one of `found`, the most frequent first; cells without any have none."""
    counts: dict[str, int] = {}
    different: dict[str, Mapping[str, Any]] = {}
    for one in found:
        if one:
            key = json.dumps(one, sort_keys=True)
            counts[key] = counts.get(key, 0) + 1
            different[key] = one
    keys = list(dict.fromkeys(key for one in different.values() for key in one))
    ranked = sorted(different, key=lambda key: -counts[key])
    return Table(
        name=name,
        title=title,
        columns=(Column("cells", "right"), *(Column(key) for key in keys)),
        rows=tuple(
            (Entry(f"{counts[key]:,}"), *(Entry(_text(different[key].get(one))) for one in keys)) for key in ranked
        ),
        under=under,
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
