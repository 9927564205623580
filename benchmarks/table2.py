"""What the paper's Table 2 costs: arithmetic of a meta-step, seconds of it here, and hours for all of it, cell by cell.

    uv run benchmarks/table2.py --flop-only
    uv run benchmarks/table2.py [--device cuda] [--replicas 3] [--precisions float32 tf32] [--cells 'omniglot-5w1s-*']
        [--plan program=graph] [--data-dir DIR] [--steps 20] [--json FILE]

The 60 cells of the presets gimli-omniglot and gimli-mini-imagenet, 3 seeds each, 75,000 meta-steps of 8 tasks. Cells
are named as omniglot-5w1s-vgg-sgd. What counts as a FLOP is in fewshot_bench/training/arithmetic.py; the first ten of
150 epochs have a loss after every inner step, and take more. Counting all cells takes some seconds.

Seconds are those of a meta-step with the loss after the last inner step alone, by the plan that a run would find on the
device, which may have so many seeds side by side (--replicas), on made-up images or real ones (--data-dir). Hours are
projected: of meta-steps (those of the first epochs longer by their FLOP), of the programs that are made for each kind
of epoch, of 150 validations and the test. Beside them are hours at the arithmetic peak, that of a large product of
matrices in the same run.

--json keeps what is measured, a cell at a time; the same command goes on with the cells that are not in it.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.cell_seconds import Seconds, made_up, peak, seconds
from benchmarks.flops import of_task
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import dataset_of, open_pool
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import read, with_changes
from fewshot_bench.report.markdown import markdown
from fewshot_bench.report.table import Column, Entry, Table
from fewshot_bench.training.plan import find_device, parse_plan

PRESETS = ("gimli-omniglot", "gimli-mini-imagenet")
SEEDS = 3
HOUR = 3600.0

Measured = dict[str, dict[str, Any]]
"""Precision -> Seconds of a cell, by field."""


def main(words: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(words)
    of_all = cells()
    chosen = {name: cell for name, cell in of_all.items() if any(fnmatch(name, one) for one in options.cells)}
    if not chosen:
        sys.exit(f"No cell is called {' or '.join(options.cells)}. One is {next(iter(of_all))}.")
    known: dict[str, Measured] = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    peaks: dict[str, float] = {}
    if not options.flop_only:
        device = find_device(options.device)
        peaks = {precision: peak(device, precision == "tf32") for precision in options.precisions}
        _measure(options, device, chosen, known)
    print(markdown([table(chosen, {name: known.get(name, {}) for name in chosen} if peaks else {}, peaks)], []))


def cells() -> dict[str, Cell]:
    """The first seed of every cell of Table 2, by name."""
    found = [cell for preset in PRESETS for cell in expand(with_changes(read(preset), [], [0]))]
    return {f"{c.dataset}-{c.ways}w{c.shots}s-{c.backbone}-{c.inner_optimizer}": c for c in found}


def in_all(cell: Cell) -> float:
    """FLOP of all meta-steps of all seeds."""
    return SEEDS * cell.training.iterations * cell.training.tasks_per_batch * of_task(cell).last * longer(cell)


def longer(cell: Cell) -> float:
    """By what the epochs with a loss after every inner step raise the mean meta-step."""
    flop, settings = of_task(cell), cell.training
    epochs = settings.iterations / settings.iterations_per_epoch
    share = min(1.0, dict(cell.learner_options).get("msl_epochs", 10) / epochs) if epochs else 0.0
    return 1 + share * (flop.every / flop.last - 1)


def hours(cell: Cell, found: Seconds) -> tuple[float, float]:
    """Of all seeds: training, with the programs that are made; evaluation."""
    settings = cell.training
    packs = SEEDS / found.replicas
    epochs = settings.iterations // settings.iterations_per_epoch
    kinds = min(epochs, dict(cell.learner_options).get("msl_epochs", 10) + 1)
    training = packs * (settings.iterations * found.step * longer(cell) + kinds * found.first)
    tasks = cell.evaluation.tasks * (epochs + cell.evaluation.ensemble)
    return training / HOUR, SEEDS * (tasks * found.task + kinds * found.first_task) / HOUR


def table(chosen: dict[str, Cell], known: dict[str, Measured], peaks: dict[str, float]) -> Table:
    """A row a cell, and the sums. known, peaks: empty where nothing is measured."""
    rows, sums = [], [0.0] * (1 + 4 * len(peaks))
    for name, cell in chosen.items():
        flop, whole = of_task(cell), in_all(cell)
        a_step = [cell.training.tasks_per_batch * one for one in flop]
        numbers = [whole]
        fields = [f"{one / 1e9:,.1f}" for one in a_step] + [f"{whole:.2e}"]
        for precision, most in peaks.items():
            found = known[name].get(precision)
            times = Seconds(**found) if found else None
            spent = hours(cell, times) if times else (float("nan"),) * 2
            numbers += [*spent, sum(spent), whole / most / HOUR]
            fields += [f"{times.step / times.replicas:.4f}" if times else "", *(f"{one:.2f}" for one in numbers[-4:])]
        sums = [one + other for one, other in zip(sums, numbers, strict=True)]
        rows.append((Entry(name), *(Entry("" if field == "nan" else field) for field in fields)))
    total = ["", "", f"{sums[0]:.3e}"]
    for index in range(len(peaks)):
        total += ["", *(f"{one:.1f}" for one in sums[1 + 4 * index : 5 + 4 * index])]
    rows.append((Entry(f"in all {len(chosen)}"), *map(Entry, total)))
    columns = [Column("cell"), *(Column(title, "right") for title in ("GFLOP / meta-step", "first epochs", "FLOP"))]
    for precision in peaks:
        titles = ("s / meta-step", "h training", "h evaluation", "h in all", "h at peak")
        columns += [Column(title, "right", precision) for title in titles]
    under = [f"{SEEDS} seeds of each cell; seconds are of one seed."] + [
        f"{precision}: the peak is {most / 1e12:.2f} TFLOP/s." for precision, most in peaks.items()
    ]
    return Table("table2", "What Table 2 costs", tuple(columns), tuple(rows), under=tuple(under))


def _measure(options: argparse.Namespace, device: str, chosen: dict[str, Cell], known: dict[str, Measured]) -> None:
    """Adds to `known` what it does not have of the cells, and keeps it in the file, a cell at a time."""
    said = parse_plan(options.plan)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pools: dict[str, Pool] = {}
        for name, cell in chosen.items():
            for precision in options.precisions:
                if precision in known.get(name, {}):
                    continue
                if cell.dataset not in pools:
                    pools[cell.dataset] = (
                        open_pool(dataset_of(cell), options.data_dir)
                        if options.data_dir
                        else made_up(cell.dataset, cell.split, folder)
                    )
                print(f"{name} {precision}", file=sys.stderr)
                off = replace(cell, learner_options=(*cell.learner_options, ("msl_epochs", 0)))
                plan = {**said, "precision": precision}
                try:
                    found = seconds(off, pools[cell.dataset], device, plan, options.replicas, options.steps)
                except Exception as error:  # the other cells are measured all the same
                    print(f"{name} {precision}: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                known.setdefault(name, {})[precision] = found._asdict()
                if options.json:
                    options.json.write_text(json.dumps(known, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flop-only", action="store_true", help="count, and measure nothing")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cells", nargs="+", default=["*"], help="patterns of names")
    parser.add_argument("--replicas", type=int, default=1, help="seeds side by side, where a plan has them")
    parser.add_argument("--precisions", nargs="+", choices=("float32", "tf32", "bfloat16"), default=["float32"])
    parser.add_argument("--plan", default="", help="as run's; what is left open is measured")
    parser.add_argument("--steps", type=int, default=20, help="meta-steps that are timed")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
