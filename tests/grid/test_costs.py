"""What a cell costs, by hand; and what cannot be counted is told."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.grid.costs import cost, meta_steps, peak_memory_of, validations
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.maml import maml
from tests.tiny import tiny_cell

PIXELS = 28 * 28
CELL = tiny_cell(
    {"iterations": 250, "iterations_per_epoch": 100, "tasks_per_batch": 4, "queries": 5},
    {"tasks": 30},
    shots=2,
    backbone=f"{__name__}:linear",
    learner_options=(("msl_epochs", 1),),
)


def linear(image, ways):
    return nn.Sequential(nn.Flatten(), nn.Linear(image.height * image.width, ways))


def looking(image, ways):
    """It cannot do without numbers."""

    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(PIXELS, ways)

        def forward(self, x):
            return self.head(x.flatten(1) / max(1.0, float(x.detach().sum())))

    return Looking()


def choosy():
    """It takes networks with norms, and none else."""
    learner = maml()

    def start(parts, steps):
        assert parts.model.norms, "no norms"
        return learner.start(parts, steps)

    return learner._replace(start=start)


def test_a_whole_cell_by_hand():
    """A pass of a linear layer forward, and one back to its weights; those of an inner step are pulled back once more.

    The first epoch has a loss after each of the two steps.
    """
    a_pass = 2 * PIXELS * 3
    support, query = 3 * 2 * a_pass, 3 * 5 * a_pass
    found = cost(CELL)
    gradients = 100 * (2 * 4 * support + 2 * 2 * query) + 150 * (2 * 4 * support + 2 * query)
    assert found.training.flop == 4 * gradients
    assert found.evaluation.flop == 30 * (3 + 2) * (2 * 2 * support + query)
    assert found.network.weights == 3 * PIXELS + 3
    assert found.training.weights / found.training.tensors == found.network.weights / 2
    assert found.remarks == ()


def test_meta_steps_of_each_kind():
    assert [number for number, _ in meta_steps(CELL)] == [100, 150]
    assert meta_steps(replace(CELL, training=replace(CELL.training, iterations=0))) == []


@pytest.mark.parametrize(("iterations", "number"), [(0, 1), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_validations(iterations, number):
    assert validations(replace(CELL, training=replace(CELL.training, iterations=iterations))) == number


def test_an_untrained_cell_is_evaluated_all_the_same():
    found = cost(replace(CELL, training=replace(CELL.training, iterations=0)))
    assert found.training.flop == 0
    assert found.evaluation.flop == pytest.approx(cost(CELL).evaluation.flop * (1 + 1) / (3 + 2))


def test_the_other_batch_norm_is_tested_too():
    both = replace(CELL, evaluation=replace(CELL.evaluation, both_batch_norms=True))
    a_pass = 2 * PIXELS * 3
    alone = 30 * 2 * (2 * 2 * 3 * 2 * a_pass + 3 * 5 * (3 * 2 + 1) * a_pass)  # each query beside the support set
    assert cost(both).evaluation.flop - cost(CELL).evaluation.flop == alone


def test_seeds_and_inner_optimizers_are_counted_once():
    found = cost(CELL)
    assert cost(replace(CELL, seed=3, inner_optimizer="adam")) is found
    assert cost(replace(CELL, training=replace(CELL.training, init_seed=7))) is found
    assert cost(replace(CELL, shots=1)) is not found


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learner_can_be_counted(learner):
    rule = NO_INNER_OPTIMIZER if not LEARNERS[learner]().traits.inner_loop else "sgd"
    cell = replace(CELL, learner=learner, learner_options=(), backbone="vgg", inner_optimizer=rule)
    found = cost(cell)
    assert found.remarks == ()
    assert min(found.training.flop, found.evaluation.flop, peak_memory_of(cell).images) > 0


def test_a_network_that_looks_at_numbers_is_taken_by_its_weights():
    found = cost(replace(CELL, backbone=f"{__name__}:looking"))
    (remark,) = found.remarks
    assert "looking' could not be counted, so it is taken for two FLOP for each weight" in remark
    ((_, first), (_, last)) = meta_steps(CELL)
    weights = 3 * PIXELS + 3
    assert found.training.flop == 4 * 2 * weights * (100 * first.others + 150 * last.others)


def test_a_learner_that_cannot_be_counted_is_taken_for_maml():
    cell = replace(CELL, backbone="vgg", learner=f"{__name__}:choosy")
    found = cost(cell)
    (remark,) = found.remarks
    assert "choosy' could not be counted, so it is taken for what MAML takes" in remark
    maml = cost(replace(CELL, backbone="vgg", learner_options=(("msl_epochs", 0),)))
    assert found.training.flop == pytest.approx(maml.training.flop, rel=0.1)
    assert found.evaluation.flop == pytest.approx(maml.evaluation.flop, rel=0.1)
    assert peak_memory_of(cell) is None


def test_counting_leaves_the_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    cost(replace(CELL, shots=3))
    assert torch.equal(before, torch.get_rng_state())
