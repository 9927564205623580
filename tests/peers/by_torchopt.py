"""torchopt 0.7.3's answers, by its differentiable optimizers and, for iMAML, its implicit differentiation."""

import warnings

import torch
import torchopt
from torch.func import functional_call

from tests.peers.questions import LR, STEPS, Answer, Question, answer, leaves, support_loss


def _adapted(question: Question, make_rule, rates=None) -> Answer:
    """make_rule(network) -> one of torchopt's meta-optimizers, which move the network's weights with their graph."""
    network, task = question.copy(), question.task
    start = dict(network.named_parameters())
    rule = make_rule(network)
    for _ in range(STEPS):
        rule.step(support_loss(network(task.support.x), task))
    return answer(network(task.query.x), task, start, rates)


def maml(question: Question) -> Answer:
    return _adapted(question, lambda network: torchopt.MetaSGD(network, lr=LR))


def maml_with_adam(question: Question) -> Answer:
    return _adapted(question, lambda network: torchopt.MetaAdam(network, lr=LR, betas=(0.5, 0.5)))


def fomaml(question: Question) -> Answer:
    def detach(gradients, state, *, params=None, inplace=True):
        return tuple(g.detach() for g in gradients), state

    first_order = torchopt.base.GradientTransformation(lambda params: torchopt.base.EmptyState(), detach)
    rule = torchopt.chain(first_order, torchopt.sgd(lr=LR))
    return _adapted(question, lambda network: torchopt.MetaOptimizer(network, rule))


def anil(question: Question) -> Answer:
    return _adapted(question, lambda network: torchopt.MetaSGD(network[-1], lr=LR))


def meta_sgd(question: Question) -> Answer:
    rates = leaves(question.rates)

    def make_rule(network):
        names = {id(p): name for name, p in network.named_parameters()}

        def in_their_order(params):  # bias before weight
            return tuple(rates[names[id(p)]] for p in params)

        def scale(gradients, state, *, params=None, inplace=True):
            return tuple(-rate * g for rate, g in zip(state, gradients, strict=True)), state

        return torchopt.MetaOptimizer(network, torchopt.base.GradientTransformation(in_their_order, scale))

    return _adapted(question, make_rule, rates)


def imaml(question: Question, solve=None) -> Answer:
    """custom_root around gradient descent on the loss plus lam / 2 |w - start|^2; 5 steps of conjugate gradients."""
    network, task, lam = question.copy(), question.task, 2.0
    start = dict(network.named_parameters())
    names = list(start)

    def loss(w, centre):
        held = sum(((a - b) ** 2).sum() for a, b in zip(w, centre, strict=True))
        logits = functional_call(network, dict(zip(names, w, strict=True)), (task.support.x,))
        return support_loss(logits, task) + lam / 2 * held

    stationary = torch.func.grad(loss)

    @torchopt.diff.implicit.custom_root(
        stationary, argnums=1, solve=solve or torchopt.linear_solve.solve_cg(maxiter=5, rtol=0.0)
    )
    def solution(w, centre):
        w = tuple(p.detach() for p in w)
        for _ in range(STEPS):
            w = tuple(p - LR * g for p, g in zip(w, stationary(w, centre), strict=True))
        return w

    adapted = solution(tuple(start.values()), tuple(start.values()))
    logits = functional_call(network, dict(zip(names, adapted, strict=True)), (task.query.x,))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "We've integrated functorch", FutureWarning)  # torchopt still asks it
        return answer(logits, task, start)


def imaml_by_neumann(question: Question) -> Answer:
    """5 terms of the series: torchopt counts those after the first."""
    return imaml(question, solve=torchopt.linear_solve.solve_inv(ns=True, maxiter=4, alpha=0.1))


ANSWERS = {
    "maml": maml,
    "maml with adam": maml_with_adam,
    "fomaml": fomaml,
    "anil": anil,
    "meta-sgd": meta_sgd,
    "imaml": imaml,
    "imaml by neumann": imaml_by_neumann,
}
