"""Whole learners as implementations: the meta-gradient that a cell is trained by."""

from collections import OrderedDict

import torch
from torch import nn

from fewshot_bench.audit import images
from fewshot_bench.audit.problem import Implementation, Problem, each, mean
from fewshot_bench.hypergradients.known_problems.network import LR, STEPS, Points
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.hypergradients.vectors import zeros
from fewshot_bench.inner_optimizers.base import OuterState, Params
from fewshot_bench.inner_optimizers.sgd import sgd
from fewshot_bench.learners.base import WEIGHTS, Learner, Meta, Parts, Stage, grouped, select
from fewshot_bench.learners.imaml import LOG_LAM
from fewshot_bench.learners.model import as_function


def on_images(learner: Learner, *, recompute: bool = False) -> Implementation:
    """One of the MAML family, with rates that are learned, on the small network with batch norm.

    recompute: as in `Stage`.
    """

    def run(problem: Problem) -> Params:
        parts = Parts(
            model=as_function(images.initial(images.small_network), images.WAYS),
            opt=sgd(lr=float(problem.phi["lr"])),
            train_classes=images.WAYS,
        )
        meta = _gradient(learner, parts, images.STEPS, each(problem.tasks), recompute)
        shared = torch.stack(list(select(meta, "lr").values())).sum()  # each tensor's own, all equal to the problem's
        return grouped("start", select(meta, WEIGHTS)) | {"lr": shared}

    return run


def on_points(learner: Learner) -> Implementation:
    """One of the iMAML family on the small network of the known problems, tied as strongly as its default says."""

    def run(problem: Problem) -> Params:
        layers = OrderedDict(hidden=nn.Linear(2, 5), bend=nn.Tanh(), top=nn.Linear(5, 2))
        model = as_function(nn.Sequential(layers), ways=2)._replace(weights=select(problem.phi, "start"))
        parts = Parts(model, sgd(lr=LR), train_classes=2)
        meta = _gradient(learner, parts, STEPS, [_as_task(one) for one in each(problem.tasks)])
        strength = {"log_strength": meta[LOG_LAM]} if LOG_LAM in meta else {}
        return grouped("start", select(meta, WEIGHTS)) | strength

    return run


def _gradient(learner: Learner, parts: Parts, steps: int, tasks: list[Task], recompute: bool = False) -> Meta:
    nothing = zeros(parts.model.weights)
    stage = Stage(OuterState(nothing, nothing, torch.zeros(())), {}, steps, epoch=0, recompute=recompute)
    start = learner.start(parts, steps)
    return mean([learner.meta_gradient(parts, start, stage, task).meta for task in tasks])


def _as_task(points: Points) -> Task:
    support, query = Batch(points.x, points.y), Batch(points.query_x, points.query_y)
    return Task(support, query, torch.arange(2), torch.tensor(0))
