"""What cells are said to take on disk, against what one took."""

from dataclasses import replace

import pytest

from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.doctor.cell_size import LITTLE, bytes_of
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.loop import alone
from fewshot_bench.training.plan import Plan

CELL = Cell(
    dataset="omniglot",
    split="gimli",
    ways=3,
    shots=1,
    learner="maml++",
    backbone="vgg",
    inner_optimizer="sgd",
    seed=0,
    training=Training(iterations=3, iterations_per_epoch=1, tasks_per_batch=1, inner_steps=1),
    evaluation=Evaluation(tasks=2, ensemble=2),
)


def test_it_is_about_what_a_cell_takes(pattern_pool, tmp_path):
    """Three epochs: two checkpoints with the optimizer's state are kept, and the two best epochs."""
    alone(assemble(CELL, pattern_pool, Plan("cpu", 1, 1)), tmp_path, lambda _: False)
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert bytes_of([CELL]) == pytest.approx(taken, rel=0.05)
    assert bytes_of([CELL, CELL]) == 2 * bytes_of([CELL])


def test_an_untrained_cell_takes_less(pattern_pool):
    untrained = replace(CELL, training=replace(CELL.training, iterations=0))
    assert LITTLE < bytes_of([untrained]) < bytes_of([CELL]) / 4
