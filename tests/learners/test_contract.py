"""What a learner is made of: a Learner or an object with its functions, and named streams of random numbers."""

from dataclasses import dataclass

import pytest
import torch

from fewshot_bench.backbones.noise import split
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.learners.base import Traits, as_learner
from fewshot_bench.learners.maml import maml
from fewshot_bench.learners.streams import STREAMS, noise, number
from tests.learners.networks import at, no_statistics, one, parts, tasks


@dataclass(frozen=True, kw_only=True)
class Methods:
    """MAML as learners were written before: a class of options with methods."""

    second_order: bool = True

    @property
    def traits(self):
        return Traits("inductive")

    def start(self, parts, steps):
        return self._maml().start(parts, steps)

    def meta_gradient(self, parts, meta, stage, task):
        return self._maml().meta_gradient(parts, meta, stage, task)

    def predict(self, parts, meta, stage, task, batch_norm):
        return self._maml().predict(parts, meta, stage, task, batch_norm)

    def update(self, parts):
        return self._maml().update(parts)

    def _maml(self):
        return maml(second_order=self.second_order, msl_epochs=0)


def test_an_object_with_methods_is_understood():
    learner, made, task = as_learner(Methods(second_order=False)), parts(), one(tasks())
    assert learner.traits.batch_norm == "inductive"
    assert (learner.memory(made), learner.phase(3), learner.batch_gradient) == ({}, learner.phase(0), None)
    stage, meta = at(no_statistics(made), 2), learner.start(made, 2)
    expected = maml(second_order=False, msl_epochs=0).meta_gradient(made, meta, stage, task)
    assert all(
        torch.equal(g, expected.meta[name]) for name, g in learner.meta_gradient(made, meta, stage, task)[0].items()
    )


def test_what_is_no_learner_is_told_what_it_lacks():
    with pytest.raises(BenchError, match=r"^int has no meta_gradient, predict, update; learners/base.py says"):
        as_learner(3)


def test_streams_have_the_numbers_that_results_were_made_with():
    """Each name by steps 0, 1 and 2. Other numbers would be other dropout masks and minibatches."""
    assert {name: [number(name, step) for step in range(3)] for name in STREAMS} == {
        "support": [0, 2, 4],
        "query": [1, 3, 5],
        "batch": [0, 1, 2],
        "order": [1048576, 1048577, 1048578],
    }


def test_a_name_of_ones_own_has_numbers_of_its_own():
    found = [number(name, step) for name in ("mine", "yours") for step in range(3)]
    assert len({*found, *(number(name, step) for name in STREAMS for step in range(1000))}) > 3000
    assert min(found) > 1 << 39
    task = one(tasks())
    assert noise(task, "mine", 1).use == found[1]
    assert len({int(split(task.key, use)) for use in found}) == len(found)
