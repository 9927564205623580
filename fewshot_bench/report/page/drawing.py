"""Small charts as plain shapes with their places. A template writes them as SVG, and CSS gives them colours.

Lengths are in pixels of the SVG's own box, which the page stretches.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Mark(NamedTuple):
    """A path. look: its CSS classes. style: custom properties of its own. says: what a pointer over it reads."""

    path: str
    look: str
    style: str = ""
    says: str = ""


class Label(NamedTuple):
    """A line of text at a point; look: CSS classes, of which "mid", "end" say what of the text is at the point."""

    x: float
    y: float
    text: str
    look: str = ""


class Panel(NamedTuple):
    """A chart. title: its heading. says: the chart in words, for who cannot see it."""

    title: str
    says: str
    width: int
    height: int
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]


class Key(NamedTuple):
    """An entry of a legend; style as in Mark."""

    text: str
    look: str
    style: str = ""


class Frame(NamedTuple):
    """Where the limits of the data, x and y, lie in a chart."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 240
    height: int = 170
    left: int = 42
    right: int = 14
    top: int = 8
    bottom: int = 34

    def across(self, value: float) -> float:
        """The place of a value of x, from the left."""
        low, high = self.x
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def down(self, value: float) -> float:
        """The place of a value of y, from the top."""
        low, high = self.y
        return self.top + (high - value) / (high - low) * (self.height - self.top - self.bottom)


def line(frame: Frame, xs: Sequence[float], ys: Sequence[float]) -> str:
    """A path through points; one that is not finite is left out, and the line goes on after it."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
    return "M" + " ".join(f"{_px(frame.across(x))} {_px(frame.down(y))}" for x, y in points) if points else ""


def band(frame: Frame, xs: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    """The area between two lines; points at which either is not finite are left out."""
    known = [place for place in range(len(xs)) if math.isfinite(low[place]) and math.isfinite(high[place])]
    if len(known) < 2:
        return ""
    there, back = [xs[i] for i in known], [xs[i] for i in reversed(known)]
    edge = line(frame, back, [low[i] for i in reversed(known)])
    return f"{line(frame, there, [high[i] for i in known])}L{edge[1:]}Z"


def dot(frame: Frame, x: float, y: float) -> str:
    """A line of no length: with round ends it is a dot as wide as its stroke."""
    return f"M{_px(frame.across(x))} {_px(frame.down(y))}h0"


def across(frame: Frame, y: float) -> str:
    """A horizontal rule from side to side."""
    return f"M{_px(frame.left)} {_px(frame.down(y))}H{_px(frame.width - frame.right)}"


def upright(frame: Frame, x: float) -> str:
    """A vertical rule from bottom to top."""
    return f"M{_px(frame.across(x))} {_px(frame.height - frame.bottom)}V{_px(frame.top)}"


def axes(
    frame: Frame, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]], title: str
) -> tuple[list[Mark], list[Label]]:
    """Rules at the ticks of y, a line below, and what stands at the ticks; title: of x."""
    floor = frame.height - frame.bottom
    marks = [Mark(across(frame, value), "rule") for value, _ in ys]
    marks.append(Mark(f"M{frame.left} {floor}H{frame.width - frame.right}", "axis"))
    labels = [Label(frame.left - 6, round(frame.down(value) + 4, 1), text, "end") for value, text in ys]
    labels += [Label(round(frame.across(value), 1), floor + 14, text, "mid") for value, text in xs]
    labels.append(Label(frame.width - frame.right, frame.height - 4, title, "end faint"))
    return marks, labels


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values within [low, high], in steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step))) + 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, digits) + 0.0 for count in range(first, last + 1)]


def _px(value: float) -> str:
    """A length with one decimal, or none if that is zero."""
    return f"{value:.1f}".removesuffix(".0")
