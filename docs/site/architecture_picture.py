"""Draws docs/figures/architecture.svg: the folders of the package on their floors, and which imports from which.

    uv run docs/site/architecture_picture.py [--out FILE]

Read from the files' imports alone; tests/test_site.py draws it again and compares. An arrow that a longer way along
others stands for is left out; hovering over a box tells all that it imports. Light or dark, as the reader's screen is.
"""

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from folders import Folder, Graph, direct, folders, reached
from layers import Item, Joint, Placed, apart, placed

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "architecture.svg"
WIDTH, MARGIN, GAP = 960.0, 16.0, 14.0
LINE, BETWEEN = 14.0, 44.0  # height of a line of text, and between floors
WIDEST, JOINT = 240.0, 22.0
LETTER = 5.9  # width of a letter of 11 px, taken wide: fonts differ
PORT = 14.0  # between two arrows that start, or end, at one box

Arrow = tuple[str, str]
Rows = list[tuple[float, float]]
"""Top and height of each floor, the lowest floor first."""

LOOK = """
  .ground { fill: #ffffff } .box { fill: #f3f6f9; stroke: #8b98a5 } .arrow { stroke: #55677a }
  .head { fill: #55677a } .name { fill: #14202b } .says { fill: #44525f }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #12181f } .box { fill: #1d2731; stroke: #5c6b7a } .arrow { stroke: #93a4b5 }
    .head { fill: #93a4b5 } .name { fill: #eef3f7 } .says { fill: #b3bfca }
  }
  .arrow { fill: none; stroke-width: 1.3 } .box { stroke-width: 1 }
  text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 11px; text-anchor: middle }
  .name { font-size: 13px; font-weight: 600 }
"""


def picture(found: dict[str, Folder]) -> str:
    """The SVG of the folders."""
    graph = {name: folder.imports & found.keys() for name, folder in found.items()}
    arrows = direct(graph)
    where = placed(arrows, _room, WIDTH - 2 * MARGIN)
    texts = {name: _lines(folder.says, _width(name, where)) for name, folder in found.items()}
    quiet = {name for name in graph if not any(found[one].torch for one in (name, *reached(graph, name)))}
    rows, height = _rows(where, texts)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img">',
            "<title>The folders of fewshot_bench and their imports, from the command line down to the basics</title>",
            f"<style>{LOOK}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"',
            'orient="auto"><path class="head" d="M0,0.6 L8,4 L0,7.4 z"/></marker></defs>',
            f'<rect class="ground" width="{WIDTH:.0f}" height="{height:.0f}" rx="10"/>',
            *_arrows(arrows, where, rows),
            *(line for name in sorted(found) for line in _box(name, where, rows, texts[name], graph, name in quiet)),
            "</svg>\n",
        ]
    )


def _room(item: Item, beside: int) -> float:
    """Width of a box or joint, gap included; alone on its floor, a box is as wide as the picture."""
    if not isinstance(item, str):
        return JOINT
    inside = WIDTH - 2 * MARGIN
    return inside if beside == 1 else min(WIDEST, inside / beside)


def _width(name: str, where: Placed) -> float:
    return _room(name, len(next(floor for floor in where.floors if name in floor))) - GAP


def _lines(text: str, width: float) -> list[str]:
    return textwrap.wrap(text.replace("`", ""), max(8, int((width - 12) / LETTER)), break_long_words=False)


def _rows(where: Placed, texts: dict[str, list[str]]) -> tuple[Rows, float]:
    """The floors' places, and the height of the picture."""
    tall = [34 + LINE * max((len(texts[i]) for i in floor if isinstance(i, str)), default=0) for floor in where.floors]
    tops, y = [], MARGIN
    for height in reversed(tall):
        tops.append((y, height))
        y += height + BETWEEN
    return tops[::-1], y - BETWEEN + MARGIN


def _box(name: str, where: Placed, rows: Rows, lines: list[str], graph: Graph, quiet: bool) -> Iterator[str]:
    floor = next(at for at, items in enumerate(where.floors) if name in items)
    (y, height), wide, x = rows[floor], _width(name, where), MARGIN + where.x[name]
    imports = ", ".join(sorted(graph[name])) or "nothing of the package"
    yield f'<g class="folder" data-name="{name}"><title>{name} imports {imports}</title>'
    yield f'<rect class="box" x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{height:.1f}" rx="6"/>'
    yield f'<text class="name" x="{x:.1f}" y="{y + 20:.1f}">{name}{" · no torch" if quiet else ""}</text>'
    for number, line in enumerate(lines, start=1):
        yield f'<text class="says" x="{x:.1f}" y="{y + 21 + LINE * number:.1f}">{escape(line)}</text>'
    yield "</g>"


def _arrows(graph: Graph, where: Placed, rows: Rows) -> Iterator[str]:
    """A path an arrow, from the lower edge of a box through its joints to the upper edge of another."""
    floors = {item: at for at, items in enumerate(where.floors) for item in items}
    ways = {(up, down): [up, *_joints(up, down, floors), down] for up in sorted(graph) for down in sorted(graph[up])}
    starts = _ports(where, {arrow: (way[0], _nearest(where, way[0], way[1])) for arrow, way in ways.items()})
    passed = {arrow: where.x[way[-2]] if len(way) > 2 else starts[arrow] for arrow, way in ways.items()}
    ends = _ports(where, {arrow: (way[-1], passed[arrow]) for arrow, way in ways.items()})
    for (up, down), way in ways.items():
        x, y = MARGIN + starts[up, down], sum(rows[floors[up]])
        path = f"M{x:.1f},{y:.1f}"
        for item in way[1:]:
            top, height = rows[floors[item]]
            to = MARGIN + (ends[up, down] if item == down else where.x[item])
            bend = (y + top) / 2
            path += f" C{x:.1f},{bend:.1f} {to:.1f},{bend:.1f} {to:.1f},{top:.1f}"
            path += "" if item == down else f" V{top + height:.1f}"
            x, y = to, top + height
        yield f'<path class="arrow" data-from="{up}" data-to="{down}" marker-end="url(#head)" d="{path}"/>'


def _joints(up: str, down: str, floors: dict[Item, int]) -> list[Item]:
    return [Joint(up, down, floor) for floor in range(floors[up] - 1, floors[down], -1)]


def _nearest(where: Placed, own: Item, other: Item) -> float:
    """The point over or under `other` that is nearest to the middle of `own`: arrows fall straight where they can."""
    half = _width(other, where) / 2 - PORT if isinstance(other, str) else 0.0
    return min(max(where.x[own], where.x[other] - half), where.x[other] + half)


def _ports(where: Placed, wishes: dict[Arrow, tuple[Item, float]]) -> dict[Arrow, float]:
    """Where each arrow meets its box: near the wished place, beside the other arrows of that edge of the box."""
    found: dict[Arrow, float] = {}
    for box in {box for box, _ in wishes.values()}:
        left = where.x[box] - _width(str(box), where) / 2
        own = {arrow: wish - left for arrow, (at, wish) in wishes.items() if at == box}
        ordered = dict(sorted(own.items(), key=lambda pair: (pair[1], pair[0])))
        places = apart(ordered, dict.fromkeys(ordered, PORT), _width(str(box), where))
        found |= {arrow: left + place for arrow, place in places.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=FIGURE, help="the file to write")
    parser.parse_args().out.write_text(picture(folders()), encoding="utf-8")


if __name__ == "__main__":
    main()
