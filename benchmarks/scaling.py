"""How time and memory of a meta-step grow with inner steps, tasks, replicas and ways: the package and other libraries.

    uv run --extra peers benchmarks/scaling.py --out DIR [--libraries ours higher ...] [--rounds 3] [--device cpu]
        [--steps 1 2 5 10 20 50] [--tasks 1 2 4 ... 128] [--replicas 1 2 4 8 16] [--ways 2 5 10 20]

vgg on images of Omniglot's shape, second-order MAML with gradient descent inside, and, but for what varies: 5-way
1-shot, 1 query a class, 5 inner steps, 8 tasks, 1 replica. Memory is of one task, but where the number of tasks varies.
Everything else as in throughput.py, with one process a library. A list without values leaves its axis out.

Replicas are trainings that differ in their seed. Other libraries do them one after another, so that what one of them
costs is a constant, drawn as a line.

Writes scaling.csv, scaling.json (machine, versions, command) and scaling.png into DIR.
"""

import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks import measuring
from benchmarks.libraries import CONTENDERS
from benchmarks.measuring import Effort, Timed
from benchmarks.options import circumstances, effort, parser
from benchmarks.processes import Start, process
from benchmarks.scaling_figure import Point, drawn
from benchmarks.settings import Setting

AXES = {
    "steps": [1, 2, 5, 10, 20, 50],
    "tasks": [1, 2, 4, 8, 16, 32, 64, 128],
    "replicas": [1, 2, 4, 8, 16],
    "ways": [2, 5, 10, 20],
}
TOLERANCE = 1e-3  # after 50 steps rounding has grown


def main(words: Sequence[str] | None = None, start: Start = process) -> None:
    options = _parser().parse_args(words)
    options.out.mkdir(parents=True, exist_ok=True)
    points: list[Point] = []
    for axis in AXES:
        base = Setting(options.backbone, "omniglot", 5, 1, options.rule, device=options.device)
        settings = [base._replace(**{axis: value}) for value in getattr(options, axis)]
        for point in along(axis, settings, options.libraries, options.threads, effort(options, TOLERANCE), start):
            points.append(point)
            _write(options.out / "scaling.csv", points)
    (options.out / "scaling.json").write_text(json.dumps(circumstances(options.threads), indent=1) + "\n")
    drawn(points).savefig(options.out / "scaling.png", dpi=160)


def along(
    axis: str, settings: Sequence[Setting], names: Sequence[str], threads: int, effort: Effort, start: Start
) -> Iterator[Point]:
    """The points of one axis, in rising order. A library that has failed once is not asked for more."""
    left = list(names)
    for setting in settings:
        value = getattr(setting, axis)
        asked = [name for name in left if axis != "replicas" or value == 1 or CONTENDERS[name].ours]
        modes = measuring.modes(asked, threads, processes=1)
        for timed in measuring.timed(setting, modes, effort, start) if modes else []:
            name = timed.mode.contender
            if timed.reason:
                left.remove(name)
                yield Point(axis, value, name, reason=timed.reason)
            else:
                yield _with_memory(axis, timed, start)


def _with_memory(axis: str, timed: Timed, start: Start) -> Point:
    setting, mode = timed.setting, timed.mode
    of_one = setting if axis == "tasks" else setting._replace(tasks=1)
    found = measuring.peak(of_one, mode.contender, mode.threads, start)
    value = getattr(setting, axis)
    return Point(axis, value, mode.contender, median(timed.seconds), found.get("mebibytes"), found.get("failed", ""))


def _write(path: Path, points: Sequence[Point]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([Point._fields, *points])


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.set_defaults(rounds=3)
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--backbone", default="vgg")
    made.add_argument("--rule", default="sgd")
    for axis, values in AXES.items():
        made.add_argument(f"--{axis}", nargs="*", type=int, default=values)
    return made


if __name__ == "__main__":
    main()
