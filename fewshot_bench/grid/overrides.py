"""Tables of a name, as [learners."maml++"]: options of that learner, and keys of [training] for its cells alone.

[[cells]] may add options of their own, as inner_optimizer_options = { lr = 0.01 }, which hold before those.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fewshot_bench.basics.about import Traits, learners
from fewshot_bench.basics.names import did_you_mean, find
from fewshot_bench.basics.options import Option, frozen, problems, schema, understood
from fewshot_bench.cells.cell import Options, Training
from fewshot_bench.cells.config_file import section_schema
from fewshot_bench.grid.axes import SEAMS, Point
from fewshot_bench.grid.files import OWN_OPTIONS, TABLES
from fewshot_bench.learners import LEARNERS

TRAINING = section_schema(Training)


class Override(NamedTuple):
    """What one table says: options that differ from the defaults, and keys of [training]."""

    options: Options
    training: dict[str, Any]


def overrides(
    content: dict[str, Any], points: Sequence[Point], own: dict[str, Any], where: str
) -> tuple[dict[tuple[str, str], Override], list[str]]:
    """What each name that occurs in `points` is given, by (axis, name), and a sentence for each fault.

    own: the options of these points alone, by axis, which stand at `where`.
    """
    used = {(axis, point[axis]): None for point in points for axis in SEAMS}
    found, faults = {}, []
    for axis, name in used:
        table = content.get(TABLES[axis], {}).get(name, {})
        known = schema(find(axis, name, SEAMS[axis]))
        faults += problems(table, TRAINING | known, f'[{TABLES[axis]}."{name}"]')
        faults += problems(own.get(axis, {}), known, f"{where} {OWN_OPTIONS[axis]} for {name}")
        training = {key: value for key, value in table.items() if key in TRAINING and key not in known}
        found[axis, name] = Override(_off_default(understood(table | own.get(axis, {}), known), known), training)
    return found, faults


def unused(content: dict[str, Any], points: Sequence[Point]) -> list[str]:
    """A sentence for each table of a name that no point has."""
    faults = []
    for axis, table_name in TABLES.items():
        names = {point[axis] for point in points}
        faults += [
            f'[{table_name}."{name}"]: no cell of this grid has that {axis}{did_you_mean(name, names)}.'
            for name in content.get(table_name, {})
            if name not in names
        ]
    return faults


def traits_of(name: str, options: Options) -> Traits:
    """What others have to know of a learner. Only one named by import path has to be made for that.

    Raises what making it raises.
    """
    if name in LEARNERS:
        about = learners()[name]
        return Traits(inner_loop=about.get("inner_loop", True), any_ways=about.get("any_ways", False))
    from fewshot_bench.learners.base import as_learner  # imports torch, as the learner itself does

    return as_learner(find("learner", name, LEARNERS)(**dict(options))).traits


def _off_default(options: dict[str, Any], known: dict[str, Option]) -> Options:
    return tuple(sorted((key, value) for key, value in options.items() if value != frozen(known[key].default)))
