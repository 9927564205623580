"""Places for boxes on floors and ways for the arrows between them: layers after Sugiyama, Tagawa and Toda 1981.

An arrow that passes a floor has a place of its own there (a joint), so that no arrow runs behind a box. Everything is
decided by sorting, so the same graph gives the same picture.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

STARTS, SWEEPS = 60, 12  # orders to begin with, and ways there and back over the floors; all in a fraction of a second


class Joint(NamedTuple):
    """Where an arrow passes a floor."""

    source: str
    target: str
    floor: int


Item = str | Joint
Key = TypeVar("Key")
Links = Mapping[Item, Sequence[Item]]


class Placed(NamedTuple):
    """floors: what stands on each, the lowest first, from left to right; x: the middle of each item."""

    floors: list[list[Item]]
    x: dict[Item, float]


def placed(graph: Mapping[str, frozenset[str]], room: Callable[[Item, int], float], width: float) -> Placed:
    """Floors and places of a graph without circles. room: an item's width, gap included, of so many on its floor."""
    height = floors_of(graph)
    floors: list[list[Item]] = [[] for _ in range(max(height.values()) + 1)]
    for name in sorted(graph):
        floors[height[name]].append(name)
    below: dict[Item, list[Item]] = {name: [] for name in graph}
    for source in sorted(graph):
        for target in sorted(graph[source]):
            joints = [Joint(source, target, floor) for floor in range(height[source] - 1, height[target], -1)]
            for joint in joints:
                floors[joint.floor].append(joint)
            chain: list[Item] = [source, *joints, target]
            for upper, lower in pairwise(chain):
                below.setdefault(upper, []).append(lower)
    above: dict[Item, list[Item]] = {}
    for upper, lowers in below.items():
        for lower in lowers:
            above.setdefault(lower, []).append(upper)
    floors = _ordered(floors, below, above)
    return Placed(floors, _spread(floors, below, above, room, width))


def floors_of(graph: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Floor of each folder, 0 the lowest: each as high as what imports it allows, so that most arrows are short."""
    importers = {name: [one for one in graph if name in graph[one]] for name in graph}

    def depth(name: str) -> int:
        return 1 + max((depth(one) for one in importers[name]), default=-1)

    depths = {name: depth(name) for name in graph}
    return {name: max(depths.values()) - depths[name] for name in graph}


def _ordered(floors: list[list[Item]], below: Links, above: Links) -> list[list[Item]]:
    """The order on each floor that has fewest crossings, of all those that sweeps from different starts come by."""
    best = floors
    for start in range(STARTS):
        now = [sorted(floor, key=lambda item: _digest(start, item)) for floor in floors]
        for sweep in range(SWEEPS):
            now = _swept(now, below if sweep % 2 == 0 else above, upwards=sweep % 2 == 0)
            if crossings(now, below) < crossings(best, below):
                best = now
    return best


def _swept(floors: list[list[Item]], neighbours: Links, *, upwards: bool) -> list[list[Item]]:
    """Each floor sorted by the mean place of its items' neighbours on the floor before, from one end to the other."""
    swept = [list(floors[0 if upwards else -1])]
    for floor in floors[1:] if upwards else floors[-2::-1]:
        fixed = {item: at / max(1, len(swept[-1]) - 1) for at, item in enumerate(swept[-1])}
        own = {item: at / max(1, len(floor) - 1) for at, item in enumerate(floor)}
        wished = {item: _mean([fixed[one] for one in neighbours.get(item, ())], own[item]) for item in floor}
        swept.append(sorted(floor, key=wished.__getitem__))
    return swept if upwards else swept[::-1]


def _digest(start: int, item: Item) -> str:
    """Orders the items of a floor otherwise for each start, and always the same for one."""
    return hashlib.sha256(f"{start} {item}".encode()).hexdigest()


def crossings(floors: Sequence[Sequence[Item]], below: Links) -> int:
    """How many pairs of arrows between neighbouring floors cross."""
    count = 0
    for lower, upper in pairwise(floors):
        place = {item: at for at, item in enumerate(lower)}
        ends = [place[one] for item in upper for one in sorted(below.get(item, ()), key=place.__getitem__)]
        count += sum(right < left for at, left in enumerate(ends) for right in ends[at + 1 :])
    return count


def _spread(
    floors: Sequence[Sequence[Item]], below: Links, above: Links, room: Callable[[Item, int], float], width: float
) -> dict[Item, float]:
    """The middle of each item: near its neighbours' mean, in order, without overlap, inside the picture."""
    x: dict[Item, float] = {}
    rooms = {item: room(item, len(floor)) for floor in floors for item in floor}
    for floor in floors:
        x |= apart({item: width * (at + 0.5) / len(floor) for at, item in enumerate(floor)}, rooms, width)
    for sweep in range(SWEEPS):
        for floor in floors if sweep % 2 else reversed(floors):
            wished = {i: _mean([x[one] for one in (*below.get(i, ()), *above.get(i, ()))], x[i]) for i in floor}
            x |= apart(wished, rooms, width)
    return x


def apart(wished: Mapping[Key, float], rooms: Mapping[Key, float], width: float) -> dict[Key, float]:
    """Middles of things of so much room, in the given order, as near to the wished ones (in squares) as can be."""
    items = list(wished)
    free = max(0.0, width - sum(rooms[item] for item in items))
    offsets, used = [], 0.0
    for item in items:  # each wish as a share of the free space that lies to the item's left
        offsets.append(min(max(wished[item] - used - rooms[item] / 2, 0.0), free))
        used += rooms[item]
    rising = _rising(offsets)
    places, used = {}, 0.0
    for item, offset in zip(items, rising, strict=True):
        places[item] = used + offset + rooms[item] / 2
        used += rooms[item]
    return places


def _rising(values: Sequence[float]) -> list[float]:
    """The rising sequence nearest to `values` in squares: those out of order take their mean (isotonic regression)."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and _mean(blocks[-2], 0) > _mean(blocks[-1], 0):
            last = blocks.pop()
            blocks[-1] += last
    return [_mean(block, 0) for block in blocks for _ in block]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
