"""The bilevel problem that most learners share: weights adapt from where they are meta-learned."""

from collections.abc import Callable

from torch import Tensor

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Task, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.base import WEIGHTS, Gradient, Meta, Parts, Stage, accuracy, select

Inner = Callable[[Params, Meta, Task, int], Tensor]
"""(w, meta, task, t) -> what inner step t lowers."""

Outer = Callable[[Params, Meta, Task, int], tuple[Tensor, Tensor]]
"""(w, meta, task, t) -> what is meta-learned from the weights after step t, and the queries' logits."""


def adaptation(parts: Parts, stage: Stage, inner: Inner, outer: Outer) -> Bilevel:
    """All weights take the stage's steps at the rule's own rates; the loss after the last one counts.

    The rule starts from the meta-optimizer's statistics, where it asks for them. A learner with something else for one
    of these replaces it (`_replace`).
    """
    fixed = parts.opt.hyperparameters(parts.model.weights)
    return Bilevel(
        inner=inner,
        outer=outer,
        init=lambda meta, task: select(meta, WEIGHTS),
        opt=parts.opt,
        hyper=lambda meta, t: fixed,
        steps=stage.steps,
        step_weights=last_step_only(stage.steps),
        state=lambda w: parts.opt.init(w, stage.outer),
    )


def as_gradient(found: Estimate, task: Task) -> Gradient:
    """An estimate, whose aux are the queries' logits, as one task's meta-gradient; no memory."""
    metrics = {"loss": found.value, "accuracy": accuracy(found.aux, task.query.y)}
    return Gradient(found.dphi, metrics | found.metrics, {})
