"""What every peer is asked: adapt this network to this task by this rule, and differentiate the query loss."""

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot_bench.hypergradients.problem import Task
from tests.learners.networks import small

LR, STEPS = 0.1, 3


class Question(NamedTuple):
    """network: with its initial weights, float64; the last layer is the head. rates: one for each weight, by name.

    Its batch norm is torch's own, by batch statistics alone: running ones are written in place, which not all can take.
    """

    network: nn.Sequential
    rates: dict[str, Tensor]
    task: Task

    def copy(self) -> nn.Sequential:
        return copy.deepcopy(self.network)


def network(weights: dict[str, Tensor]) -> nn.Sequential:
    """The small network of the learners' tests with these weights."""
    layers = [
        nn.BatchNorm2d(layer.num_features, track_running_stats=False) if isinstance(layer, nn.BatchNorm2d) else layer
        for layer in small()
    ]
    made = nn.Sequential(*layers).double()
    made.load_state_dict(weights)
    return made


class Answer(NamedTuple):
    """logits: of the queries after adaptation. gradient: of their loss, as "weights/<name>" and "lr/<name>"."""

    logits: Tensor
    gradient: dict[str, Tensor]


def support_loss(logits: Tensor, task: Task) -> Tensor:
    return F.cross_entropy(logits, task.support.y)


def answer(logits: Tensor, task: Task, weights: dict[str, Tensor], rates: dict[str, Tensor] | None = None) -> Answer:
    """The answer by torch.autograd, from the leaves that weights and rates are."""
    leaves = {f"weights/{name}": leaf for name, leaf in weights.items()}
    leaves |= {f"lr/{name}": leaf for name, leaf in (rates or {}).items()}
    gradient = torch.autograd.grad(F.cross_entropy(logits, task.query.y), list(leaves.values()))
    return Answer(logits.detach(), dict(zip(leaves, gradient, strict=True)))


def leaves(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
