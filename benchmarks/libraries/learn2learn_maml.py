"""learn2learn: MAML's clone and adapt, one task after another (its examples/vision/maml_omniglot.py)."""

from collections.abc import Callable

from benchmarks.libraries.work import Answer, NotOfferedError, Work, answer, loss, one_after_another
from fewshot_bench.peers.importing import learn2learn

MAML = learn2learn().algorithms.MAML


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    if work.setting.rule != "sgd":
        raise NotOfferedError("learn2learn's MAML adapts by gradient descent alone")
    network, tasks = work.copy(), work.each()
    learner = MAML(network, lr=work.rate, first_order=False)

    def step() -> Answer:
        network.zero_grad()
        losses = []
        for task in tasks:
            clone = learner.clone()
            for _ in range(work.setting.steps):
                clone.adapt(loss(clone(task.support.x), task.support))
            judged = loss(clone(task.query.x), task.query)
            losses.append(judged.detach())
            (judged / len(tasks)).backward()
        return answer(losses, network.named_parameters())

    return step
