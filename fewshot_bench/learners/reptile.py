"""Reptile: moves initial weights towards adapted weights (Nichol, Achiam & Schulman 2018, arXiv:1803.02999).

Facts of the code are from openai/supervised-reptile (supervised_reptile/reptile.py, args.py).
"""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.basics.about import About
from fewshot_bench.hypergradients.problem import Bilevel, Task, solve
from fewshot_bench.inner_optimizers.base import Params, State, check_range
from fewshot_bench.learners.adaptation import adaptation, after_adaptation, query_loss
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Learner,
    Memory,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    grouped,
    linear,
    select,
)
from fewshot_bench.learners.streams import minibatch, noise

NAMES: dict[str, About] = {
    "reptile": {
        "title": "Reptile: moves the start to where adaptation ended (Nichol et al. 2018)",
        "learns": "weights",
        "gradient": "displacement",
        "cite": {"nichol2018": "the algorithm"},
        "published": [
            {
                "source": "Reptile arXiv:1803.02999 tables",
                "method": "Reptile + transduction",
                "recipe": "only beside vgg, the nearest to its four convolutions (Omniglot: of stride 2, 64 filters; "
                "mini-ImageNet: 32 filters); inner Adam with beta1 = 0, 100,000 meta-steps of 5 tasks (20-way: "
                "200,000), 50 inner steps at test, 10,000 test tasks of 1 query per class; what its ± is, it does not "
                "state",
                "inner_optimizer": "adam",
            },
            {
                "source": "Reptile arXiv:1803.02999 tables",
                "method": "Reptile",
                "recipe": "only beside vgg, the nearest to its four convolutions (Omniglot: of stride 2, 64 filters; "
                "mini-ImageNet: 32 filters); inner Adam with beta1 = 0, 100,000 meta-steps of 5 tasks (20-way: "
                "200,000), 50 inner steps at test, 10,000 test tasks of 1 query per class; what its ± is, it does not "
                "state",
                "batch_norm": "inductive",
                "inner_optimizer": "adam",
            },
        ],
    }
}


def reptile(
    *,
    inner_batch: int = 10,
    eval_batch: int = 5,
    meta_step: float = 1.0,
    meta_step_final: float = 0.0,
    carry_state: bool = False,
    batch_norm: BatchNorm = "transductive",
) -> Learner:
    """Reptile. Its meta-gradient is w_0 - w_T, which plain gradient descent at rate `meta_step` follows.

    Args:
        inner_batch: Support images of an inner step in training (--inner-batch 10 on Omniglot 5-way); 0: all of them.
        eval_batch: Support images of an inner step in validation and test (--eval-batch 5); 0: all of them.
        meta_step: How far the start moves towards the mean of the ends at first (--meta-step 1).
        meta_step_final: Where the linear schedule leads (--meta-step-final 0).
        carry_state: The inner optimizer's moments and counts go on from task to task, as in the code, which restores
            weights alone. Tasks of a batch then come one after another, not side by side.
        batch_norm: What normalises a query: the others (--transductive), or the support set and itself alone
            ("inductive").

    Raises:
        ValueError: An option is out of range.
    """
    check_range("inner_batch", inner_batch, 0, inf)
    check_range("eval_batch", eval_batch, 0, inf)
    check_range("meta_step", meta_step, 0, inf)
    check_range("meta_step_final", meta_step_final, 0, inf)

    def problem(parts: Parts, stage: Stage, size: int, *, noisy: bool) -> Bilevel:
        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            x, y = minibatch(task.support, task.key, size, t)
            return parts.objective.loss(parts.model.apply(w, x, noise(task, "batch", t) if noisy else None), y)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts, batch_norm, w, task)

        whole = adaptation(parts, stage, inner, outer)
        return whole._replace(state=lambda w: _nested(stage.memory)) if stage.memory else whole

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        start = select(meta, WEIGHTS)
        end, state = solve(problem(parts, stage, inner_batch, noisy=True), meta, task)
        loss, logits = query_loss(parts, batch_norm, end, task)  # for the learning curve alone
        return Gradient(
            grouped(WEIGHTS, {name: start[name] - end[name] for name in start}),
            {"loss": loss, "accuracy": parts.objective.score(logits, task.query.y)},
            _flat(state) if carry_state else {},
        )

    return Learner(
        meta_gradient,
        predict=after_adaptation(lambda parts, stage: problem(parts, stage, eval_batch, noisy=False)),
        update=lambda parts: MetaUpdate(
            optimizer=lambda tensors: torch.optim.SGD(tensors, lr=meta_step), rate=linear(meta_step, meta_step_final)
        ),
        traits=Traits(batch_norm),
        memory=lambda parts: _flat(parts.opt.init(parts.model.weights, None)) if carry_state else {},
    )


def _flat(state: State) -> Memory:
    return {f"{slot}/{name}": tensor for slot, tensors in state.items() for name, tensor in tensors.items()}


def _nested(memory: Memory) -> State:
    slots = dict.fromkeys(key.split("/", 1)[0] for key in memory)
    return {slot: select(memory, slot) for slot in slots}
