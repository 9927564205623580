"""The axes of a grid, and the options of the names on them.

Lists of values multiply to points; each value is checked. A table of a name, as [learners."maml++"], sets options of
that learner, and keys of [training] for its cells alone. [[cells]] may set options too, as
inner_optimizer_options = { lr = 0.01 }, which override those of the table.
"""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.about import Traits, learners
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import did_you_mean, find, unknown
from fewshot_bench.basics.options import Option, off_default, problems, schema, understood
from fewshot_bench.cells.cell import AXES, Evaluation, Options, Training
from fewshot_bench.cells.config_file import section_schema
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import DATASETS, dataset_named, options_in, options_known
from fewshot_bench.grid.files import OWN_OPTIONS, TABLES
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS

SEAMS: dict[str, dict[str, Callable[..., Any]]] = {
    "dataset": DATASETS,
    "learner": LEARNERS,
    "backbone": BACKBONES,
    "inner_optimizer": INNER_OPTIMIZERS,
}
"""The axes whose values name code, and the known names. An import path is allowed, too."""

TRAINING = section_schema(Training)
LOWEST = {"ways": 2, "shots": 1, "seed": 0}

Point = dict[str, Any]
"""A value for each axis."""


DatasetNamed = Callable[[str], Dataset]
"""Name -> dataset, with the options that a grid sets. Raises BenchError if there is none, or if it cannot be made."""


def points(table: dict[str, Any], where: str, dataset_called: DatasetNamed) -> tuple[list[Point], list[str]]:
    """All combinations of the axes in `table`, and a sentence for each fault. With faults, points may be missing.

    An absent `split` is the dataset's first one, and an absent `seed` is 0. Of several splits, each dataset takes those
    that it has. where: the place in the grid file, for messages.
    """
    faults = [
        f"{where}: nothing reads the key {key!r}{did_you_mean(key, AXES)}. Axes: {', '.join(AXES)}."
        for key in table
        if key not in AXES
    ]
    lists: dict[str, list[Any]] = {}
    regression = False
    for axis in AXES:
        values = table.get(axis, [0] if axis == "seed" else [])
        values = values if isinstance(values, list) else [values]
        wrong = [fault for value in values if (fault := _fault(axis, value, dataset_called, regression)) is not None]
        faults += [f"{where}: {fault}" for fault in dict.fromkeys(wrong)]
        if not values and axis != "split":
            faults.append(f"{where}: the axis `{axis}` is missing or empty.")
        lists[axis] = [value for value in values if _fault(axis, value, dataset_called, regression) is None]
        if axis == "dataset":
            regression = any(dataset_called(name).loss != "cross-entropy" for name in lists[axis])
    combinations: list[Point] = []
    known = {split for name in lists["dataset"] for split in dataset_called(name).splits}
    for split in lists["split"] if lists["dataset"] else ():
        if split not in known and all(split not in dataset_named(name).splits for name in DATASETS):
            known |= {split for name in DATASETS for split in dataset_named(name).splits}
            faults.append(f"{where}: {unknown('split', split, known)}")
            lists["split"] = []  # told once
    for name in lists["dataset"]:
        has = list(dataset_called(name).splits)
        splits = [split for split in lists["split"] if split in has] if lists["split"] else [has[0]]
        if not splits:
            names = ", ".join(map(repr, lists["split"]))
            faults.append(f"{where}: {name} has none of the splits {names}. It has: {', '.join(has)}.")
        values = [[name], splits, *(lists[axis] for axis in AXES[2:])]
        combinations += [dict(zip(AXES, combination, strict=True)) for combination in product(*values)]
    return combinations, faults


class Override(NamedTuple):
    """The settings in the table of a name: options that differ from the defaults, and keys of [training]."""

    options: Options
    training: dict[str, Any]


def dataset_in(name: str, content: dict[str, Any], own: dict[str, Any], data_dir: Path) -> Dataset:
    """A dataset with the options that a grid sets; see `overrides` for the arguments."""
    recorded = options_in(name, data_dir)
    table = content.get(TABLES["dataset"], {}).get(name, {}) | own
    known = options_known(name, data_dir)
    return dataset_named(name, recorded or off_default(understood(table, known), known))


def overrides(
    content: dict[str, Any], points: Sequence[Point], own: dict[str, Any], where: str, data_dir: Path
) -> tuple[dict[tuple[str, str], Override], list[str]]:
    """The settings of each name in `points`, by (axis, name), and a sentence for each fault.

    points: with all axes, or with some. own: options for these points alone, by axis. where: their place in the grid
    file. data_dir: the folder of data, for datasets that were imported into it.
    """
    used = {(axis, point[axis]): None for point in points for axis in SEAMS if axis in point}
    by_name, faults = {}, []
    for axis, name in used:
        table = content.get(TABLES[axis], {}).get(name, {})
        recorded = options_in(name, data_dir) if axis == "dataset" else ()
        known = options_known(name, data_dir) if axis == "dataset" else schema(find(axis, name, SEAMS[axis]))
        faults += problems(table, TRAINING | known, f'[{TABLES[axis]}."{name}"]')
        faults += problems(own.get(axis, {}), known, f"{where} {OWN_OPTIONS[axis]} for {name}")
        training = {key: value for key, value in table.items() if key in TRAINING and key not in known}
        set_here = off_default(understood(table | own.get(axis, {}), known), known)
        if recorded and set_here:
            key, value = set_here[0]
            faults.append(
                f'[{TABLES[axis]}."{name}"]: `{key}` is {value!r}, but {name} was imported with '
                f"{known[key].default!r}. Leave the key out, or import the images again."
            )
        by_name[axis, name] = Override(recorded or set_here, training)
    return by_name, faults


class TestedOn(NamedTuple):
    """The other dataset of a cell's validation and test; None: the one of training. options: as of a cell."""

    dataset: str | None = None
    split: str | None = None
    options: Options = ()


EVALUATION = section_schema(Evaluation) | {
    "dataset": Option(str | tuple[str, ...], None),
    "split": Option(str | tuple[str, ...], None),
}
"""The keys of [evaluation] in a grid: of several datasets, each makes cells of its own."""


def tested_on(
    evaluation: dict[str, Any], content: dict[str, Any], where: str, data_dir: Path
) -> tuple[list[TestedOn], list[str]]:
    """The datasets that the cells of a table are tested on, and a sentence for each fault.

    evaluation: the keys of [evaluation] that hold for these cells. Of several splits, each dataset takes those it has.
    """
    names, splits = (_listed(evaluation.get(key)) for key in ("dataset", "split"))
    if evaluation.get("dataset") in ([], ()):
        return [TestedOn()], [f"{where}: the list `dataset` is empty. Name a dataset, or leave the key out."]
    if not all(isinstance(name, str) for name in (*names, *splits)):
        return [TestedOn()], []  # told as the fault of a key
    if splits and not names:
        return [TestedOn()], [f"{where}: `split` is for the `dataset` beside it; [grid] has the split of training."]
    found, faults = [], []
    for name in names:
        try:
            known = dataset_in(name, content, {}, data_dir)
        except BenchError as error:
            faults.append(f"{where}: {error}")
            continue
        chosen = [split for split in splits if split in known.splits] if splits else [next(iter(known.splits))]
        if not chosen:
            has = ", ".join(known.splits)
            faults.append(f"{where}: {name} has none of the splits {', '.join(map(repr, splits))}. It has: {has}.")
        given, wrong = overrides(content, [{"dataset": name}], {}, where, data_dir)
        faults += wrong
        options = given["dataset", name].options
        found += [TestedOn(name, split, options) for split in chosen]
    return found or [TestedOn()], faults


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def unused(content: dict[str, Any], named: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence for each table of a name that no cell has, and for each key of one that concerns none.

    named: the axes of each table of cells, valid or not, with the datasets of its tests as "tested_on".
    """
    faults = []
    for axis, table_name in TABLES.items():
        names = {value for table in named for value in _listed(table.get(axis)) if isinstance(value, str)}
        tested = {value for table in named for value in _listed(table.get("tested_on")) if isinstance(value, str)}
        for name, settings in content.get(table_name, {}).items():
            where = f'[{table_name}."{name}"]'
            if name in names:
                continue
            if axis != "dataset" or name not in tested:
                faults.append(f"{where}: no cell of this grid has that {axis}{did_you_mean(name, names | tested)}.")
                continue
            keys = [key for key in settings if key in TRAINING]
            faults += [f"{where}: `{key}` is for training, and no cell is trained on {name}." for key in keys]
    return faults


def traits_of(name: str, options: Options) -> Traits:
    """The traits of a learner. A learner named by import path is made for this, and its errors pass through."""
    if name in LEARNERS:
        about = learners()[name]
        return Traits(
            inner_loop=about.get("inner_loop", True),
            any_ways=about.get("any_ways", False),
            only_classes=about.get("only_classes", False),
        )
    from fewshot_bench.learners.base import as_learner  # imports torch, as the learner itself does

    return as_learner(find("learner", name, LEARNERS)(**dict(options))).traits


def _fault(axis: str, value: Any, dataset_called: DatasetNamed, regression: bool) -> str | None:
    """The fault of one value of an axis; None if it is valid. regression: whether `ways` may be 1."""
    if axis in LOWEST:
        least = 1 if axis == "ways" and regression else LOWEST[axis]
        whole = isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31
        return None if whole else f"`{axis}` is {value!r}, but has to be a whole number, at least {least}."
    if not isinstance(value, str):
        return f"`{axis}` is {value!r}, but has to be a text."
    if axis in SEAMS:
        try:
            if axis == "dataset":
                dataset_called(value)
            else:
                find(axis.replace("_", " "), value, SEAMS[axis])
        except BenchError as error:
            return str(error)
    return None
