"""learn2learn's gradients, by MAML's clone and adapt."""

from typing import Any

from torch import Tensor

from fewshot_bench.audit.walking import Weights, inner_loss, outer_loss, walked
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.peers.importing import learn2learn


def _maml(module: Weights, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
    learner = learn2learn().algorithms.MAML(module, lr=phi["lr"]).clone()
    for t in range(bilevel.steps):
        learner.adapt(inner_loss(learner, bilevel, phi, task, t))
    return outer_loss(learner, bilevel, phi, task)


learn2learn_maml = walked(_maml)
