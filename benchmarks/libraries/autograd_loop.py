"""torch.autograd and nothing else, in torchmeta's style: weights handed to each pass, create_graph in each step."""

from collections.abc import Callable

import torch
from torch.func import functional_call

from benchmarks.libraries.work import Answer, NotOfferedError, Work, answer, loss, one_after_another
from fewshot_bench.inner_optimizers.base import Params


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    if work.setting.rule != "sgd":
        raise NotOfferedError("the loop is gradient descent, as torchmeta's")
    network, tasks = work.copy(), work.each()
    start: Params = dict(network.named_parameters())

    def step() -> Answer:
        network.zero_grad()
        losses = []
        for task in tasks:
            weights = start
            for _ in range(work.setting.steps):
                judged = loss(functional_call(network, weights, (task.support.x,)), task.support)
                slopes = torch.autograd.grad(judged, list(weights.values()), create_graph=True)
                weights = {name: p - work.rate * g for (name, p), g in zip(weights.items(), slopes, strict=True)}
            judged = loss(functional_call(network, weights, (task.query.x,)), task.query)
            losses.append(judged.detach())
            (judged / len(tasks)).backward()
        return answer(losses, start.items())

    return step
