"""Names written at the ends of lines, moved apart where they would overlap."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

_GAP = 0.048  # of the height of the axes: a line of text of 7 points with some air


class End(NamedTuple):
    """Where a line ends, in data coordinates, with its name and colour."""

    name: str
    x: float
    y: float
    colour: tuple[float, ...]


def name_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Writes each name right of the axes, tied to the end of its line. The limits of the axes have to be final."""
    low, high = axes.get_ylim()
    ranked = sorted(ends, key=lambda end: -end.y)
    places = apart([(end.y - low) / (high - low) for end in ranked])
    for end, place in zip(ranked, places, strict=True):
        axes.annotate(
            end.name,
            xy=(end.x, end.y),
            xytext=(1.035, place),
            textcoords="axes fraction",
            fontsize=7,
            color=end.colour,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 1},
        )


def apart(wishes: Sequence[float], gap: float = _GAP) -> list[float]:
    """Heights near `wishes`, which fall, at least `gap` from each other and within [0, 1] where they fit."""
    places: list[float] = []
    for wish in wishes:
        places.append(min(wish, places[-1] - gap) if places else min(wish, 1.0))
    floor = 0.0
    for index in range(len(places) - 1, -1, -1):
        places[index] = max(places[index], floor)
        floor = places[index] + gap
    return places
