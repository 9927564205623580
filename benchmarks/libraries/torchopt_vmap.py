"""torchopt's functional optimizers under vmap over tasks (its examples/FuncTorch/maml_omniglot_vmap.py).

As there, the mean of the tasks' losses is differentiated by autograd from outside vmap, and torch.func stands for
functorch, whose functions it took over. Adam's moments are written in place, which vmap allows only for what each task
has its own of, so each task gets the weights as its own there; the example has gradient descent and no such need.
"""

from collections.abc import Callable

import torch
import torchopt
from torch import Tensor
from torch.func import functional_call, grad, vmap

from benchmarks.libraries.work import BETAS, Answer, Work, answer, loss, one_after_another
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import Params


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    network = work.copy()
    start: Params = dict(network.named_parameters())
    rule = {
        "sgd": lambda: torchopt.sgd(lr=work.rate),
        "adam": lambda: torchopt.adam(lr=work.rate, betas=BETAS, eps=work.eps, eps_root=work.eps**2),
    }[work.setting.rule]()

    def of_batch(weights: Params, batch: Batch) -> Tensor:
        return loss(functional_call(network, weights, (batch.x,)), batch)

    def of_task(weights: Params, task: Task) -> Tensor:
        state = rule.init(weights)
        for _ in range(work.setting.steps):
            updates, state = rule.update(grad(of_batch)(weights, task.support), state, inplace=False)
            weights = torchopt.apply_updates(weights, updates, inplace=False)
        return of_batch(weights, task.query)

    def step() -> Answer:
        network.zero_grad()
        weights, axis = start, None
        if work.setting.rule == "adam":
            weights, axis = {name: p.expand(work.setting.tasks, *p.shape) for name, p in start.items()}, 0
        losses: Tensor = vmap(of_task, in_dims=(axis, 0))(weights, work.tasks)
        losses.mean().backward()
        return answer(torch.unbind(losses), start.items())

    return step
