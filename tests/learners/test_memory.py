"""What more inner steps cost in memory: nothing, the weights, or the activations of every step."""

import pytest

from fewshot_bench.learners import LEARNERS
from tests.learners.networks import at, no_statistics, one, parts, smooth, tasks
from tests.memory import peak


def held(name: str, steps: int, *, recompute: bool = False) -> int:
    """Most bytes at one time of a task's meta-gradient, on images that are large beside the 211 weights."""
    made, task, learner = parts(smooth), one(tasks()), LEARNERS[name]()
    meta, stage = learner.start(made, steps), at(no_statistics(made), steps, recompute=recompute)
    return peak(lambda: learner.meta_gradient(made, meta, stage, task))


@pytest.mark.parametrize("name", ["imaml", "imaml-variational", "imaml-released", "reptile", "fomaml"])
def test_what_does_not_go_back_through_the_steps_holds_one_of_them(name):
    """Rajeswaran et al. 2019, table 1: the memory of iMAML is that of a single gradient."""
    assert held(name, 30) == held(name, 3)


def test_recomputed_steps_hold_their_weights_and_kept_ones_their_activations():
    weights = 8 * sum(weight.numel() for weight in parts(smooth).model.weights.values())
    again, kept = ([held("maml", steps, recompute=recompute) for steps in (2, 4, 6)] for recompute in (True, False))
    assert again[1] - again[0] == again[2] - again[1] == 2 * weights
    assert kept[1] - kept[0] == kept[2] - kept[1] > 2 * 500 * weights
