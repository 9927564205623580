"""A meta-step's work as tensors, the same for every contender, and what a contender makes of it."""

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.settings import RATES, Setting
from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.basics.names import find
from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import Params

BETAS, EPS = (0.5, 0.5), 1e-8  # of the inner Adam: the fork's config.yaml


class NotOfferedError(Exception):
    """What a library has no means for; the message says what."""


class Work(NamedTuple):
    """network: with its initial weights, for copies. tasks: with a leading task axis. eps: of the inner Adam.

    Where a library adds eps matters to Adam's meta-gradient: |g| / (|g| + eps) has a slope up to 1 / (4 eps).
    """

    setting: Setting
    network: nn.Module
    tasks: Task
    eps: float = EPS

    @property
    def rate(self) -> float:
        return RATES[self.setting.rule]

    def copy(self) -> nn.Module:
        return copy.deepcopy(self.network)

    def each(self) -> list[Task]:
        return [tree_map(lambda leaf, i=i: leaf[i], self.tasks) for i in range(self.setting.tasks)]


class Answer(NamedTuple):
    """loss: of the queries after the last inner step, mean over tasks. gradient: to the initial weights, by name."""

    loss: Tensor
    gradient: Params


class Step(NamedTuple):
    """do: one meta-step's work, an answer a replica. how: in words, where there was a choice."""

    do: Callable[[], list[Answer]]
    how: str = ""


Library = Callable[[Sequence[Work]], Step]
"""Works that differ in weights and tasks alone (replicas; mostly one) -> their step."""


def one_after_another(of_one: Callable[[Work], Callable[[], Answer]]) -> Library:
    """How a library does several trainings: each by itself."""

    @wraps(of_one)
    def of_all(works: Sequence[Work]) -> Step:
        steps = [of_one(work) for work in works]
        return Step(lambda: [step() for step in steps])

    return of_all


def work(setting: Setting, replica: int = 0, share: tuple[int, int] = (0, 1)) -> Work:
    """The work, or of `share` = (i, n) the i-th of n equal parts of its tasks.

    The same setting makes the same weights and tasks in every process. Images are made up: one random pattern a class
    with noise on it. What a step costs depends on their shape alone.
    """
    dtype, image = getattr(torch, setting.precision), dataset_named(setting.shape).shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(replica)
        network = find("backbone", setting.backbone, BACKBONES)(image, setting.ways)
    generator = torch.Generator().manual_seed(1 + replica)
    patterns = torch.randn(setting.tasks, setting.ways, 1, *image, generator=generator)

    def batch(per_class: int) -> Batch:
        noise = torch.randn(setting.tasks, setting.ways, per_class, *image, generator=generator)
        x = (patterns + noise / 2).flatten(1, 2).to(setting.device, dtype)
        y = torch.arange(setting.ways, device=setting.device).repeat_interleave(per_class)
        return Batch(x, y.expand(setting.tasks, -1))

    keys = torch.arange(setting.tasks, device=setting.device)
    classes = torch.arange(setting.ways, device=setting.device).expand(setting.tasks, -1)
    tasks = Task(batch(setting.shots), batch(setting.queries), classes, keys)
    index, count = share
    each = setting.tasks // count
    part = tree_map(lambda leaf: leaf[index * each : (index + 1) * each], tasks)
    network = with_batch_statistics(network).to(setting.device, dtype).train()
    return Work(setting._replace(tasks=each), network, part)


def loss(logits: Tensor, batch: Batch) -> Tensor:
    return F.cross_entropy(logits, batch.y)


def answer(losses: Iterable[Tensor], weights: Iterable[tuple[str, Tensor]]) -> Answer:
    """What was accumulated in `grad` of the initial weights, which all have one."""
    gradient = {name: tensor.grad.clone() for name, tensor in weights if tensor.grad is not None}
    return Answer(torch.stack(list(losses)).mean().detach(), gradient)
