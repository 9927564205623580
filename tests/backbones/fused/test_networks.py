"""Every network's meta-gradient with the fused functions is that with the elementary ones: eager, batched, traced."""

from functools import cache

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_map

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import ELEMENTARY, FUSED, Operations, fused_operations
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import Meta, Parts, Stage
from fewshot_bench.learners.maml import maml
from fewshot_bench.learners.model import build

WAYS, STEPS, TASKS = 4, 2, 2
GREY, COLOUR = ImageShape(1, 28, 28), ImageShape(3, 17, 18)
RULES = {"sgd": {"lr": 0.001}, "adam": {"lr": 0.001, "eps": 1e-3}}
"""With a rate of 0.1 on three images of 16 pixels, resnet-12's own rounding errors grow to 1e-5: nothing to test by."""


def setting(name: str, rule: str, image: ImageShape, operations: Operations):
    """A task's meta-gradient as a function of meta-parameters and task, and what to give it; float64."""
    model = build(lambda: BACKBONES[name](image, WAYS).double(), WAYS, seed=0, operations=operations)
    parts, learner = Parts(model, INNER_OPTIMIZERS[rule](**RULES[rule]), 100), maml(msl_epochs=0)
    zeros = {key: torch.zeros_like(value) for key, value in model.weights.items()}
    stage = Stage(OuterState(zeros, zeros, torch.zeros((), dtype=torch.float64)), {}, STEPS, 20)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, TASKS, WAYS, *image, generator=generator, dtype=torch.float64)
    y = torch.arange(WAYS).expand(TASKS, -1)
    tasks = Task(Batch(x[0], y), Batch(x[1], y), y, torch.arange(TASKS))
    meta = {key: value.double() for key, value in learner.start(parts, STEPS).items()}
    return lambda meta, task: learner.meta_gradient(parts, meta, stage, task)[0], meta, tasks


@cache
def known(name: str, rule: str, image: ImageShape) -> list[Meta]:
    of_task, meta, tasks = setting(name, rule, image, ELEMENTARY)
    return [of_task(meta, first(tasks, task)) for task in range(TASKS)]


def first(tasks: Task, task: int) -> Task:
    return tree_map(lambda leaf: leaf[task], tasks)


def error(ours: Meta, theirs: Meta) -> float:
    """The largest difference, relative to the largest number of the whole meta-gradient."""
    assert ours.keys() == theirs.keys()
    largest = lambda tensors: max(tensor.abs().max().item() for tensor in tensors)  # noqa: E731
    return largest(ours[key] - theirs[key] for key in ours) / largest(theirs.values())


@pytest.mark.parametrize(
    ("name", "rule"), [*((name, "sgd") for name in BACKBONES), ("vgg", "adam"), ("resnet-4", "adam")]
)
def test_meta_gradient(name, rule):
    of_task, meta, tasks = setting(name, rule, GREY, FUSED)
    assert error(of_task(meta, first(tasks, 0)), known(name, rule, GREY)[0]) < 1e-10


@pytest.mark.parametrize(("name", "rule"), [("vgg", "sgd"), ("resnet-4", "sgd")])
def test_traced(name, rule):
    """A graph made with one task, replayed with others."""
    of_task, meta, tasks = setting(name, rule, COLOUR, FUSED)
    graph = make_fx(of_task)(meta, first(tasks, 0))
    for task in range(TASKS):
        assert error(graph(meta, first(tasks, task)), known(name, rule, COLOUR)[task]) < 1e-10


@pytest.mark.parametrize("way", ["loop", "grouped", "matmul"])
@pytest.mark.parametrize("name", ["vgg", "resnet-4", "densenet-8"])
def test_tasks_in_one_program(name, way):
    of_task, meta, tasks = setting(name, "sgd", COLOUR, fused_operations(way))
    ours = over_tasks(lambda task: of_task(meta, task), TASKS)(tasks)
    for task in range(TASKS):
        assert error({key: value[task] for key, value in ours.items()}, known(name, "sgd", COLOUR)[task]) < 1e-10
