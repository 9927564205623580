"""Cells that may be averaged: the same in everything but the seed, and measured under the same protocol."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fewshot_bench.cells.contents import GRID_AXES, NO_DIFFERENCE
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.alike import but_seed, joined, key_of

Config = Mapping[str, Any]


class Group(NamedTuple):
    """The seeds of one configuration.

    axes: the values of GRID_AXES. config: everything else but the seed, flat ("training.iterations" -> 300).
    fingerprint: the protocol that all of `cells` were measured under; empty where none is done.
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


def grouped(cells: Iterable[CellFolder]) -> list[Group]:
    """Groups of the cells whose configuration is readable, in order of first appearance.

    A cell that lies there twice (same configuration and seed, e.g. a copied folder) counts once. One that does not name
    the init_seed of its other seeds, since it has that one anyway, is of their group (alike.joined).
    """
    plans: dict[str, list[CellFolder]] = {}
    for cell in joined([cell for cell in cells if cell.config]):
        plans.setdefault(but_seed(cell), []).append(cell)
    return [group for plan in plans.values() for group in _by_protocol(plan)]


def _by_protocol(plan: Sequence[CellFolder]) -> list[Group]:
    seeds: dict[str, dict[int, CellFolder]] = {}
    for cell in plan:
        if cell.status == "done":
            seeds.setdefault(key_of(cell.fingerprint), {}).setdefault(cell.seed, cell)
    axes = {axis: plan[0].config[axis] for axis in GRID_AXES}
    config = flat({key: value for key, value in plan[0].config.items() if key not in (*GRID_AXES, "seed")})
    planned = len({cell.seed for cell in plan})
    return [
        Group(axes, config, done[min(done)].fingerprint, tuple(done[seed] for seed in sorted(done)), planned)
        for done in seeds.values()
    ] or [Group(axes, config, {}, (), planned)]


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, keys joined by dots."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return out


def differing(tables: Sequence[Config]) -> list[str]:
    """The keys that do not have the same value in all of `tables`, in order of first appearance."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(not _same(table.get(key), tables[0].get(key)) for table in tables)]


def settings(groups: Sequence[Group]) -> list[str]:
    """For each group, what tells it from the others of the same axes, e.g. "lr=0.01"; empty where it is alone.

    The configuration is named; the measured protocol only where the configurations are equal. Kinds of batch norm, two
    of which one cell may be tested with, are not named: tables have a column of them.
    """
    peers: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        peers.setdefault(key_of(group.axes), []).append(index)
    out = [""] * len(groups)
    for members in peers.values():
        keys = _telling([groups[index] for index in members])
        short = _short(keys)
        protocols = _protocols_that_differ([groups[index] for index in members])
        for index in members:
            config, protocol = groups[index].config, groups[index].fingerprint
            words = [f"{short[key]}={show(config.get(key))}" for key in keys if _notices(groups[index], key)]
            words += [f"{key}={show(protocol.get(key))}" for key in protocols[key_of(config)] if key != "batch_norm"]
            out[index] = ", ".join(words)
    return out


def _protocols_that_differ(groups: Sequence[Group]) -> dict[str, list[str]]:
    """For each configuration, the keys of the protocol that its groups do not agree in."""
    found: dict[str, list[Config]] = {}
    for group in groups:
        found.setdefault(key_of(group.config), []).append(group.fingerprint)
    return {config: differing(protocols) for config, protocols in found.items()}


def _telling(groups: Sequence[Group]) -> list[str]:
    """Keys of the configuration that tell groups apart which notice them."""
    return [
        key
        for key in differing([group.config for group in groups])
        if len({key_of(group.config.get(key)) for group in groups if _notices(group, key)}) > 1
    ]


def _notices(group: Group, key: str) -> bool:
    """Whether a setting is of any concern: nearly all of training's are none to an untrained network."""
    return group.iterations != 0 or key == "training.iterations" or key not in NO_DIFFERENCE


def show(value: object) -> str:
    """A value as a table shows it: hashes short; what a configuration does not name is at its default."""
    if value is None:
        return "default"
    if isinstance(value, bool | list):
        return json.dumps(value)
    text = str(value)
    return text[:8] if len(text) >= 16 and set(text) <= set("0123456789abcdef") else text


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Keys by their last word where that is enough to tell them apart."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: word if last.count(word) == 1 else key for key, word in zip(keys, last, strict=True)}


def _same(one: object, other: object) -> bool:
    """Whether key_of is the same; asked of two texts or numbers, as nearly always, without it."""
    if type(one) is type(other) and isinstance(one, str | bool | int | float | None):
        return one == other
    return key_of(one) == key_of(other)
