"""learn2learn 0.2.0's answers, by l2l.algorithms as its examples use them."""

from torch import nn

from fewshot_bench.peers.importing import learn2learn
from tests.peers.questions import LR, STEPS, Answer, Question, answer, support_loss


def maml(question: Question, first_order: bool = False) -> Answer:
    network, task = question.copy(), question.task
    learner = learn2learn().algorithms.MAML(network, lr=LR, first_order=first_order).clone()
    for _ in range(STEPS):
        learner.adapt(support_loss(learner(task.support.x), task))
    return answer(learner(task.query.x), task, dict(network.named_parameters()))


def fomaml(question: Question) -> Answer:
    return maml(question, first_order=True)


def anil(question: Question) -> Answer:
    """As examples/vision/anil_fc100.py: features once, then MAML on the head."""
    network, task = question.copy(), question.task
    features, head = network[:-1], network[-1]
    learner = learn2learn().algorithms.MAML(head, lr=LR).clone()
    for _ in range(STEPS):
        learner.adapt(support_loss(learner(features(task.support.x)), task))
    return answer(learner(features(task.query.x)), task, dict(network.named_parameters()))


def meta_sgd(question: Question) -> Answer:
    network, task = question.copy(), question.task
    names = [name for name, _ in network.named_parameters()]
    rates = nn.ParameterList([nn.Parameter(question.rates[name]) for name in names])
    learner = learn2learn().algorithms.MetaSGD(network, lrs=rates).clone()
    for _ in range(STEPS):
        learner.adapt(support_loss(learner(task.support.x), task))
    return answer(learner(task.query.x), task, dict(network.named_parameters()), dict(zip(names, rates, strict=True)))


ANSWERS = {"maml": maml, "fomaml": fomaml, "anil": anil, "meta-sgd": meta_sgd}
