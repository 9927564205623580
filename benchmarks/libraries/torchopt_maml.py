"""torchopt: its meta-optimizers, the network put back after each task (its examples/few-shot/maml_omniglot.py).

As there, the graphs of all tasks are kept until one backward pass at the end. eps_root is what torchopt has
against infinite slopes of Adam's root where a gradient is zero.
"""

from collections.abc import Callable

import torch
import torchopt

from benchmarks.libraries.work import BETAS, Answer, Work, answer, loss, one_after_another


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    network, tasks = work.copy(), work.each()
    start = list(network.named_parameters())
    rule = {
        "sgd": lambda: torchopt.MetaSGD(network, lr=work.rate),
        "adam": lambda: torchopt.MetaAdam(network, lr=work.rate, betas=BETAS, eps=work.eps, eps_root=work.eps**2),
    }[work.setting.rule]()

    def step() -> Answer:
        network.zero_grad()
        losses = []
        weights = torchopt.extract_state_dict(network, by="reference", detach_buffers=True)
        moments = torchopt.extract_state_dict(rule, by="reference")
        for task in tasks:
            for _ in range(work.setting.steps):
                rule.step(loss(network(task.support.x), task.support))
            losses.append(loss(network(task.query.x), task.query))
            torchopt.recover_state_dict(network, weights)
            torchopt.recover_state_dict(rule, moments)
        torch.stack(losses).mean().backward()
        return answer(losses, start)

    return step
