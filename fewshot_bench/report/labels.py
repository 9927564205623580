"""Names written at the ends of lines, moved apart where they would overlap."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

_GAP = 0.048  # of the height of the axes: a line of text of 7 points with some air

_TIE = {"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 1, "shrinkB": 1, "relpos": (0, 0.5)}


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
            arrowprops=_TIE | {"color": end.colour},
        )


def apart(wishes: Sequence[float], gap: float = _GAP) -> list[float]:
    """Heights near `wishes`, which fall, at least `gap` from each other and within [0, 1] where they fit.

    Names that would overlap make a block around the mean of their wishes; blocks that touch become one.
    """
    blocks: list[list[float]] = []
    for wish in wishes:
        blocks.append([wish])
        while len(blocks) > 1 and _spread(blocks[-2], gap)[-1] - gap < _spread(blocks[-1], gap)[0]:
            last = blocks.pop()
            blocks[-1] += last
    return [place for block in blocks for place in _spread(block, gap)]


def _spread(block: Sequence[float], gap: float) -> list[float]:
    """The places of a block, from its top down; it is moved into [0, 1], and begins at 1 if it is too long for that."""
    half = gap * (len(block) - 1) / 2
    top = min(max(sum(block) / len(block), half) + half, 1.0)
    return [top - gap * index for index in range(len(block))]
