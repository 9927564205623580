"""Tasks a second and peak memory of the same MAML by the package and by other libraries.

    uv run --extra peers benchmarks/throughput.py [--backbones vgg ...] [--shapes omniglot ...] [--ways 5] [--shots 1]
        [--rules sgd] [--libraries ours higher ...] [--rounds 5] [--device cpu] [--compared-in float64] [--json FILE]

A meta-step is the second-order gradient of the mean query loss, after 5 inner steps by all parameters with fixed rates,
1 query a class, to the initial weights. Weights and tasks are the same for all (images are made up: only their shape
matters), and losses have to agree within 1e-5 before anything is timed (in float64, if asked: with 5 shots and more
some pixel is on a kink, where two float32 programs part). Libraries take turns, one meta-step each a round, each in
processes of its own: one with all threads, and two with one thread and half of the tasks each.

Memory is of one task, 5 and 50 inner steps: the peak in a fresh process above what it had before.

Prints Markdown tables. Everything there is takes hours; each filter leaves out what it does not name.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any

from benchmarks import measuring, tables
from benchmarks.measuring import Timed
from benchmarks.options import circumstances, effort, parser
from benchmarks.processes import Start, process
from benchmarks.settings import BACKBONES, RULES, SHAPES, TASKS_OF, Setting, tasks_for
from fewshot_bench.report.markdown import markdown

TOLERANCE = 1e-5


def main(words: Sequence[str] | None = None, start: Start = process) -> None:
    options = _parser().parse_args(words)
    chosen = settings(options)
    if not chosen:
        sys.exit(f"Nothing to measure: ways and shots are among {', '.join(map(str, TASKS_OF))}.")
    timed: list[list[Timed]] = []
    peaks: list[tuple[Setting, tables.Peaks]] = []
    modes = measuring.modes(options.libraries, options.threads, options.processes)
    for setting in chosen:
        if options.only != "memory":
            timed.append(measuring.timed(setting, modes, effort(options, TOLERANCE), start))
        if options.only != "time":
            one = setting._replace(tasks=1)
            for steps in options.memory_steps:
                at = one._replace(steps=steps)
                peaks.append(
                    (at, {name: measuring.peak(at, name, options.threads, start) for name in options.libraries})
                )
        if options.json:
            options.json.write_text(json.dumps(record(options.threads, timed, peaks), indent=1) + "\n")
    found = ([tables.throughput(timed, options.threads)] if timed else []) + ([tables.memory(peaks)] if peaks else [])
    print(markdown(found, []))


def settings(options: Namespace) -> list[Setting]:
    chosen = [pair for pair in TASKS_OF if pair[0] in options.ways and pair[1] in options.shots]
    return [
        Setting(
            *(backbone, shape, ways, shots, rule),
            tasks=options.tasks or tasks_for(shape, ways, shots),
            steps=options.steps,
            device=options.device,
        )
        for backbone, shape, (ways, shots), rule in product(options.backbones, options.shapes, chosen, options.rules)
    ]


def record(threads: int, timed: list[list[Timed]], peaks: list[tuple[Setting, tables.Peaks]]) -> dict[str, Any]:
    """All that was measured, for programs."""

    def fields(one: Timed) -> dict[str, Any]:
        numbers = {"tasks_a_second": one.rate, **one._asdict()}
        known = {key: None if isinstance(value, float) and isnan(value) else value for key, value in numbers.items()}
        return known | {"setting": one.setting._asdict(), "mode": one.mode._asdict()}

    return {
        **circumstances(threads),
        "time": [fields(one) for results in timed for one in results],
        "memory": [
            {"setting": setting._asdict(), "contender": name, **found}
            for setting, of_all in peaks
            for name, found in of_all.items()
        ],
    }


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--backbones", nargs="+", default=BACKBONES)
    made.add_argument("--shapes", nargs="+", default=SHAPES, help="datasets, for the shape of their images")
    made.add_argument("--ways", nargs="+", type=int, default=[ways for ways, _ in TASKS_OF])
    made.add_argument("--shots", nargs="+", type=int, default=[shots for _, shots in TASKS_OF])
    made.add_argument("--rules", nargs="+", choices=RULES, default=RULES)
    made.add_argument("--tasks", type=int, help="a meta-step; else 8, and fewer where images are large")
    made.add_argument("--steps", type=int, default=5)
    made.add_argument("--memory-steps", nargs="+", type=int, default=[5, 50])
    made.add_argument("--processes", type=int, default=2, help="of one thread each, for libraries other than ours")
    made.add_argument("--json", type=Path)
    return made


if __name__ == "__main__":
    main()
