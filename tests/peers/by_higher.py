"""higher 0.2.1's answers, by innerloop_ctx."""

import higher
import torch

from tests.peers.questions import LR, STEPS, Answer, Question, answer, leaves, support_loss


def maml(question: Question) -> Answer:
    network, task = question.copy(), question.task
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (model, inner):
        for _ in range(STEPS):
            inner.step(support_loss(model(task.support.x), task))
        return answer(model(task.query.x), task, dict(network.named_parameters()))


def fomaml(question: Question) -> Answer:
    """Without a graph through the steps, what reaches the adapted weights is the first-order gradient."""
    network, task = question.copy(), question.task
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    with higher.innerloop_ctx(network, optimizer, track_higher_grads=False) as (model, inner):
        for _ in range(STEPS):
            inner.step(support_loss(model(task.support.x), task))
        return answer(model(task.query.x), task, dict(model.named_parameters()))


def anil(question: Question) -> Answer:
    network, task = question.copy(), question.task
    features, head = network[:-1], network[-1]
    optimizer = torch.optim.SGD(head.parameters(), lr=LR)
    with higher.innerloop_ctx(head, optimizer, copy_initial_weights=False) as (model, inner):
        for _ in range(STEPS):
            inner.step(support_loss(model(features(task.support.x)), task))
        return answer(model(features(task.query.x)), task, dict(network.named_parameters()))


def meta_sgd(question: Question) -> Answer:
    network, task, rates = question.copy(), question.task, leaves(question.rates)
    optimizer = torch.optim.SGD([{"params": [p]} for p in network.parameters()], lr=LR)
    override = {"lr": list(rates.values())}
    with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False, override=override) as (model, inner):
        for _ in range(STEPS):
            inner.step(support_loss(model(task.support.x), task))
        return answer(model(task.query.x), task, dict(network.named_parameters()), rates)


ANSWERS = {"maml": maml, "fomaml": fomaml, "anil": anil, "meta-sgd": meta_sgd}
