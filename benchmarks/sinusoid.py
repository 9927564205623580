"""The figure and the table of docs/sinusoid.md, from the cells of the preset `sinusoid` with their checkpoints.

Example: uv run benchmarks/sinusoid.py results/reference/sinusoid-cpu --out docs/figures/sinusoid.png
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.loading import TrainedCell, load_cell
from fewshot_bench.cells.folders import CELLS
from fewshot_bench.data.datasets import dataset_of, open_pool
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import predictions
from fewshot_bench.training.plan import as_planned

SHOWN = (0, 1, 10)
"""Inner steps after which the figure shows the network."""

TASKS = (0, 4)
"""Numbers of the test tasks that are drawn."""

LOOKS = {0: ("#c9c2b8", ":"), 1: ("#c9a26b", "--"), 10: ("#1f6f8b", "-")}
FINE = 400  # points of a drawn line


class Chosen(NamedTuple):
    """MAML and the pretrained network for one K, the latter at the rate with the lowest validation error."""

    shots: int
    maml: TrainedCell
    pretrained: TrainedCell
    untrained: TrainedCell


def chosen(directory: Path) -> list[Chosen]:
    """The cells of the table, by K."""
    cells = [load_cell(folder) for folder in sorted((directory / CELLS).iterdir())]
    found = []
    for shots in sorted({one.cell.shots for one in cells}):
        own = [one for one in cells if one.cell.shots == shots]
        trained = [one for one in own if one.cell.training.iterations]
        (maml,) = [one for one in trained if one.cell.training.inner_steps]
        without = [one for one in trained if not one.cell.training.inner_steps]
        (untrained,) = [one for one in own if not one.cell.training.iterations]
        found.append(Chosen(shots, maml, max(without, key=lambda one: one.result["val_accuracy"]), untrained))
    return found


def error_after(trained: TrainedCell, steps: int) -> float:
    """The mean squared error on the cell's test tasks after so many inner steps."""
    evaluation = replace(trained.cell.evaluation, inner_steps=steps)
    changed = replace(trained, cell=replace(trained.cell, evaluation=evaluation))
    return -float(evaluate_cell(changed).accuracy.mean())


def lines(trained: TrainedCell, number: int, x: np.ndarray) -> dict[int, np.ndarray]:
    """The network's outputs at `x`, adapted to a test task, by number of inner steps."""
    task = test_task(trained, number)
    points = torch.from_numpy(x.astype(np.float32)).view(1, -1, 1, 1, 1)
    asked = Task(task.support, Batch(points, points.view(1, -1, 1)), task.classes, task.key)
    pool = open_pool(dataset_of(trained.cell), Path())
    with as_planned(trained.plan), torch.no_grad():
        predict = predictions(assemble(trained.cell, pool, trained.plan))
        members = trained.members[: trained.cell.evaluation.ensemble]
        found = {}
        for steps in SHOWN:
            now = trained.stage._replace(steps=steps)
            outputs = [predict(meta, now, asked, "transductive").clone() for meta in members]
            found[steps] = torch.stack(outputs).mean(0).flatten().numpy()
    return found


def test_task(trained: TrainedCell, number: int) -> Task:
    """One of the cell's test tasks, with a leading axis of one."""
    pool = open_pool(dataset_of(trained.cell), Path())
    with as_planned(trained.plan):
        return assemble(trained.cell, pool, trained.plan).streams.test(number, number + 1)


def draw(axes: Axes, trained: TrainedCell, number: int, title: str) -> None:
    """One task: the true wave, the points to adapt to, and the network before and after adaptation."""
    x = np.linspace(-5, 5, FINE)
    task = test_task(trained, number)
    order = np.argsort(task.query.x.flatten().numpy())
    truth = task.query.x.flatten()[order], task.query.y.flatten()[order]
    axes.plot(*truth, color="#22262b", linewidth=0.9, label="truth")
    for steps, values in lines(trained, number, x).items():
        colour, style = LOOKS[steps]
        label = {0: "before", 1: "after 1 step"}.get(steps, f"after {steps} steps")
        axes.plot(x, values, color=colour, linestyle=style, linewidth=1.6, label=label)
    axes.plot(
        task.support.x.flatten(), task.support.y.flatten(), "v", color="#7a3e9d", markersize=5, label="points given"
    )
    axes.set(title=title, xlabel="x")


def figure(one: Chosen) -> Figure:
    """Two test tasks as rows; MAML at the left, the pretrained network at the right."""
    made = Figure(figsize=(8.6, 5.6), layout="constrained")
    panels = made.subplots(len(TASKS), 2, sharex=True, sharey="row")
    for row, number in zip(panels, TASKS, strict=True):
        draw(row[0], one.maml, number, f"MAML, test task {number}, K = {one.shots}")
        draw(row[1], one.pretrained, number, f"pretrained, test task {number}, K = {one.shots}")
        row[0].set(ylabel="y")
    handles, labels = panels[0][0].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return made


def table(cells: list[Chosen]) -> str:
    """Mean squared errors on the 600 test tasks, in Markdown."""
    heading = ["K", "network", "inner rate", *(f"after {steps} steps" for steps in SHOWN)]
    rows = ["| " + " | ".join(heading) + " |", "| ---: | --- | ---: |" + " ---: |" * len(SHOWN)]
    for one in cells:
        for name, trained in (("MAML", one.maml), ("pretrained", one.pretrained), ("untrained", one.untrained)):
            rate = dict(trained.cell.inner_optimizer_options).get("lr", "")
            errors = [f"{error_after(trained, steps):.3f}" for steps in SHOWN]
            rows.append("| " + " | ".join([str(one.shots), name, str(rate), *errors]) + " |")
    return "\n".join(rows)


def main() -> None:
    """Draws the figure and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="results of the preset sinusoid, with checkpoints")
    parser.add_argument("--out", type=Path, default=Path("sinusoid.png"), help="the figure")
    parser.add_argument("--shots", type=int, default=10, help="K of the figure")
    options = parser.parse_args()
    cells = chosen(options.directory)
    (shown,) = [one for one in cells if one.shots == options.shots]
    figure(shown).savefig(options.out, dpi=150)
    print(table(cells))


if __name__ == "__main__":
    main()
