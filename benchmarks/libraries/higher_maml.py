"""higher: innerloop_ctx around torch's optimizers, one task after another (its examples/maml-omniglot.py).

Its Adam adds eps to the root of the uncorrected mean of squares; all others here correct it before.
"""

from collections.abc import Callable

import higher
import torch

from benchmarks.libraries.work import BETAS, Answer, Work, answer, loss, one_after_another


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    network, tasks = work.copy(), work.each()
    make = {
        "sgd": lambda: torch.optim.SGD(network.parameters(), lr=work.rate),
        "adam": lambda: torch.optim.Adam(network.parameters(), lr=work.rate, betas=BETAS, eps=work.eps),
    }[work.setting.rule]

    def step() -> Answer:
        network.zero_grad()
        optimizer, losses = make(), []
        for task in tasks:
            with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (model, inner):
                for _ in range(work.setting.steps):
                    inner.step(loss(model(task.support.x), task.support))
                judged = loss(model(task.query.x), task.query)
                losses.append(judged.detach())
                (judged / len(tasks)).backward()
        return answer(losses, network.named_parameters())

    return step
