"""Which cells may be averaged: those equal in everything but the seed, and measured under the same protocol."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fewshot_bench.cells.contents import GRID_AXES, OTHER_TESTS
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.names import TO, text_of

Config = Mapping[str, Any]

INIT_SEED = "training.init_seed"
"""A cell whose init_seed is its own seed does not name it: with and without, it is one computation with one id."""

UNNOTICED = (
    "training.iterations",
    "training.iterations_per_epoch",
    "training.tasks_per_batch",
    "training.rotations",
    "training.augmentation",
    "training.ways",
    "training.shots",
    "evaluation.ensemble",
    "evaluation.both_batch_norms",
)
"""Settings that do not change the result of an untrained network, or that add a test and change no other."""

_TABLE, _, _KEY = INIT_SEED.partition(".")


class Group(NamedTuple):
    """The seeds of one configuration.

    axes: the values of GRID_AXES. config: everything else but the seed, flat ("training.iterations" -> 300).
    fingerprint: the protocol that all of `cells` were measured under; empty if no cell is done.
    cells: those done, by seed. planned: how many cells of this configuration lie in the folder, done or not.
    """

    axes: Config
    config: Config
    fingerprint: Config
    cells: tuple[CellFolder, ...]
    planned: int

    @property
    def protocol(self) -> Config:
        """The fingerprint and the name of the split; empty if no cell is done."""
        return {"split": self.axes["split"], **self.fingerprint} if self.fingerprint else {}

    @property
    def iterations(self) -> int | None:
        """The budget in meta-steps; 0 is the untrained network."""
        value = self.config.get("training.iterations")
        return value if isinstance(value, int) else None

    @property
    def first_test(self) -> bool:
        """Whether this is the test that the cells are trained for, not a second one with the other batch norm."""
        return all(cell.test == "test" for cell in self.cells)


def grouped(cells: Iterable[CellFolder]) -> list[Group]:
    """Groups of the cells whose configuration is readable, in order of first appearance.

    A cell that lies there twice (same configuration and seed, e.g. a copied folder) counts once. `with_init_seed` is
    applied, so that one init_seed for all seeds makes one group.
    """
    plans: dict[str, list[CellFolder]] = {}
    for cell in with_init_seed([cell for cell in cells if cell.config]):
        plans.setdefault(without_seed(cell.identity), []).append(cell)
    return [group for plan in plans.values() for group in _by_protocol(plan)]


def each_test(cells: Iterable[CellFolder]) -> list[CellFolder]:
    """Each cell, and after it the same cell with its second test, if it was tested with the other batch norm as well.

    Both have the first test's validation accuracy, by which the epochs of both tests were chosen.
    """
    return [test for cell in cells for test in (cell, *_second_tests(cell))]


def _second_tests(cell: CellFolder) -> Iterator[CellFolder]:
    for key, batch_norm in OTHER_TESTS.items():
        if key in cell.result:
            result = {name: value for name, value in cell.result.items() if name != key} | cell.result[key]
            fingerprint = result["fingerprint"] | {"batch_norm": batch_norm}
            yield cell._replace(test=f"test {batch_norm}", result=result | {"fingerprint": fingerprint})


def _by_protocol(plan: Sequence[CellFolder]) -> list[Group]:
    seeds: dict[str, dict[int, CellFolder]] = {}
    for cell in plan:
        if cell.status == "done":
            seeds.setdefault(key_of(cell.fingerprint), {}).setdefault(cell.seed, cell)
    axes = axes_of(plan[0].config)
    config = flat({key: value for key, value in plan[0].config.items() if key not in (*GRID_AXES, "seed")})
    planned = len({cell.seed for cell in plan})
    return [
        Group(axes, config, done[min(done)].fingerprint, tuple(done[seed] for seed in sorted(done)), planned)
        for done in seeds.values()
    ] or [Group(axes, config, {}, (), planned)]


def without_seed(identity: Config) -> str:
    """What the seeds of one configuration have in common, as a key."""
    return key_of({key: value for key, value in identity.items() if key != "seed"})


def with_init_seed(cells: Sequence[CellFolder]) -> list[CellFolder]:
    """The cells, each with the init_seed of its other seeds if it has that one without naming it.

    Of three seeds with init_seed = 0, seed 0 is trained from the weights of seed 0 anyway and does not name it, so the
    three differ in more than the seed. It is given what the others name; a cell with no such others stays as it is.
    If the same seeds lie there without init_seed as well, seed 0 would do for either group, since it is the same
    computation. It goes to those that name init_seed and not to both, so that no number counts twice: no other cell
    can ever be their seed 0, while the rest are seeds of a group whose weights differ from seed to seed.
    """
    named = {without_seed(cell.identity) for cell in cells if _init_seed(cell.identity) is not None}
    if not named:
        return list(cells)
    out = []
    for cell in cells:
        identity = _naming(cell.identity, cell.seed)
        unnamed = bool(cell.identity) and _init_seed(cell.identity) is None
        if unnamed and without_seed(identity) in named:
            cell = cell._replace(identity=identity, config=_naming(cell.config, cell.seed))
        out.append(cell)
    return out


def same_initial_weights(ours: Collection[CellFolder], theirs: Collection[CellFolder]) -> bool:
    """Whether all of these cells were trained from the same initial weights, named or not, as far as seeds decide."""
    seeds = [
        {cell.seed if (named := _init_seed(cell.config)) is None else named for cell in one} for one in (ours, theirs)
    ]
    return seeds[0] == seeds[1]


def _init_seed(table: Config) -> Any:
    return table.get(_TABLE, {}).get(_KEY)


def _naming(table: Config, seed: int) -> dict[str, Any]:
    return {**table, _TABLE: {**table.get(_TABLE, {}), _KEY: seed}}


def axes_of(config: Mapping[str, Any]) -> Config:
    """The values of GRID_AXES. A cell tested on another dataset has "mini-imagenet -> cub", and so its split."""
    axes = {axis: config[axis] for axis in GRID_AXES}
    other = config.get("evaluation", {})
    if other.get("dataset"):
        axes |= {key: f"{axes[key]}{TO}{other.get(key)}" for key in ("dataset", "split")}
    return axes


def settings(groups: Sequence[Group]) -> list[str]:
    """For each group, the settings that tell it from the others of the same axes, e.g. "lr=0.01"; empty if it is alone.

    The configuration is named; the measured protocol only if the configurations are equal. The kind of batch norm, two
    of which one cell may be tested with, is not named: tables have a column of it.
    """
    peers: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        peers.setdefault(key_of(group.axes), []).append(index)
    out = [""] * len(groups)
    for members in peers.values():
        keys = _distinguishing([groups[index] for index in members])
        last = [key.rpartition(".")[2] for key in keys]
        short = {key: word if last.count(word) == 1 else key for key, word in zip(keys, last, strict=True)}
        protocols = _protocols_that_differ([groups[index] for index in members])
        for index in members:
            config, protocol = groups[index].config, groups[index].fingerprint
            words = [f"{short[key]}={text_of(config.get(key))}" for key in keys if _notices(groups[index], key)]
            words += [f"{key}={text_of(protocol.get(key))}" for key in protocols[key_of(config)] if key != "batch_norm"]
            out[index] = ", ".join(words)
    return out


def _protocols_that_differ(groups: Sequence[Group]) -> dict[str, list[str]]:
    """For each configuration, the keys of the protocol in which its groups differ."""
    protocols: dict[str, list[Config]] = {}
    for group in groups:
        protocols.setdefault(key_of(group.config), []).append(group.fingerprint)
    return {config: differing(found) for config, found in protocols.items()}


def _distinguishing(groups: Sequence[Group]) -> list[str]:
    """Keys of the configuration in which groups differ that notice them."""
    return [
        key
        for key in differing([group.config for group in groups])
        if len({key_of(group.config.get(key)) for group in groups if _notices(group, key)}) > 1
    ]


def _notices(group: Group, key: str) -> bool:
    """Whether a setting can change the group's result: most settings of training change nothing without training."""
    return group.iterations != 0 or key == "training.iterations" or key not in UNNOTICED


def key_of(value: object) -> str:
    """The same text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, default=str)


def flat(table: Config, prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, keys joined by dots."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return out


def differing(tables: Sequence[Config]) -> list[str]:
    """The keys that do not have the same value in all of `tables`, in order of first appearance."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(not _same(table.get(key), tables[0].get(key)) for table in tables)]


def _same(one: object, other: object) -> bool:
    """Whether key_of is the same; two texts or numbers, the most frequent case, are compared without it."""
    if type(one) is type(other) and isinstance(one, str | bool | int | float | None):
        return one == other
    return key_of(one) == key_of(other)
