"""Plain torch.func: vmap over tasks around the gradient of one task, inner steps by hand."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, grad, grad_and_value, vmap

from benchmarks.libraries.work import BETAS, Answer, Work, loss, one_after_another
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import Params

Descent = Callable[[Params, Callable[[Params], Params], Work], Params]
"""(weights, their gradient, work) -> weights after all steps."""


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    network = work.copy()
    start = {name: parameter.detach() for name, parameter in network.named_parameters()}
    descent = RULES[work.setting.rule]

    def of_batch(weights: Params, batch: Batch) -> Tensor:
        return loss(functional_call(network, weights, (batch.x,)), batch)

    def of_task(weights: Params, task: Task) -> Tensor:
        end = descent(weights, lambda w: grad(of_batch)(w, task.support), work)
        return of_batch(end, task.query)

    def step() -> Answer:
        gradients, losses = vmap(grad_and_value(of_task), in_dims=(None, 0))(start, work.tasks)
        return Answer(losses.mean(), {name: g.mean(0) for name, g in gradients.items()})

    return step


def sgd(weights: Params, slopes: Callable[[Params], Params], work: Work) -> Params:
    for _ in range(work.setting.steps):
        g = slopes(weights)
        weights = {name: p - work.rate * g[name] for name, p in weights.items()}
    return weights


def adam(weights: Params, slopes: Callable[[Params], Params], work: Work) -> Params:
    """Kingma & Ba 2015, Algorithm 1; eps squared under the root, too, since it has an infinite slope at zero."""
    b1, b2 = BETAS
    m = {name: torch.zeros_like(p) for name, p in weights.items()}
    v = m
    for t in range(1, work.setting.steps + 1):
        g = slopes(weights)
        m = {name: b1 * m[name] + (1 - b1) * g[name] for name in m}
        v = {name: b2 * v[name] + (1 - b2) * g[name] ** 2 for name in v}
        weights = {
            name: p - work.rate / (1 - b1**t) * m[name] / ((v[name] / (1 - b2**t) + work.eps**2).sqrt() + work.eps)
            for name, p in weights.items()
        }
    return weights


RULES: dict[str, Descent] = {"sgd": sgd, "adam": adam}
