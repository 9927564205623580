"""The algorithm of iMAML's public code, aravindr93/imaml_dev at 29d3fcf, which differs from the paper.

The inner loop: plain gradient descent on the support loss, then one step on lam/2 |w - start|^2 alone. In the paper,
every step uses both. The linear system: (1 + cg_damping) x + H x / (lam + 10) = b, with H the Hessian of the support
loss, since the command's cg_damping lands in `regu_coef` and `lam_damping` stays at its default 10 (learner_model.py,
matrix_evaluator; the paper: x + H x / lam = b). At test: gradient descent with neither (measure_accuracy.py, --lam 0).
"""

from math import inf

from torch import Tensor
from torch.func import grad, grad_and_value, vjp

from fewshot_bench.basics.about import About
from fewshot_bench.hypergradients.problem import Bilevel, Task, solve
from fewshot_bench.hypergradients.solvers import conjugate_gradients
from fewshot_bench.hypergradients.vectors import norm, plus
from fewshot_bench.inner_optimizers.base import Params, check_range
from fewshot_bench.learners.adaptation import adaptation, after_adaptation, penalty, query_loss, support_loss
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Learner,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    adam,
    constant,
    grouped,
    select,
)
from fewshot_bench.learners.streams import noise

NAMES: dict[str, About] = {
    "imaml-released": {
        "title": "what iMAML's public code computes, which is not what its paper says",
        "learns": "weights",
        "gradient": "the released code's",
        "cite": {
            "rajeswaran2019": "the paper whose released code this computes",
            "kingma2015": "the meta-optimizer",
        },
        "metrics": {
            "inner_residual": "norm of the gradient of the paper's inner problem where adaptation ended",
            "solver_residual": "|(I + H / lam) x - b| / |b|, of the paper's linear system",
        },
        "published": [
            {
                "source": "iMAML arXiv:1909.04630 Table 2",
                "method": "iMAML (GD, 5 CG steps)",
                "recipe": "only beside vgg, the nearest to its four convolutions, of stride 2; 16 (5-way) or 25 "
                "(20-way) gradient steps, lambda 2; whether by the code that was released is not known; ±: half the "
                "95 % interval over its test tasks",
            }
        ],
    }
}


def imaml_released(
    *,
    lam: float = 2.0,
    cg_damping: float = 1.0,
    lam_damping: float = 10.0,
    iterations: int = 5,
    meta_lr: float = 0.001,
    meta_eps: float = 1e-3,
    batch_norm: BatchNorm = "transductive",
) -> Learner:
    """The released iMAML. Its residuals are logged against the paper's equations, so that the distance is a number.

    Args:
        lam: Strength of the one step back towards the start (README: --lam 2.0).
        cg_damping: README: --cg_damping 1.0; what it does is make the identity in the system 1 + cg_damping times
            itself.
        lam_damping: Added to lam where the Hessian is divided by it (a default that nothing sets).
        iterations: Of conjugate gradients (README: --cg_steps 5).
        meta_lr: Adam's learning rate (README: --outer_lr 1e-3).
        meta_eps: Adam's eps (learner_model.py).
        batch_norm: What normalises a query: the other queries (released), or the support set and itself alone
            ("inductive").

    Raises:
        ValueError: An option is out of range.
    """
    check_range("lam", lam, 1e-12, inf)
    check_range("cg_damping", cg_damping, 0, inf)
    check_range("lam_damping", lam_damping, 0, inf)
    check_range("iterations", iterations, 1, inf)
    check_range("meta_lr", meta_lr, 0, inf)
    check_range("meta_eps", meta_eps, 0, inf)

    def descent(parts: Parts, stage: Stage, *, pull_back: bool, noisy: bool) -> Bilevel:
        """Steps on the support loss; with pull_back, one more step on the penalty alone."""

        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            if t == stage.steps:
                return lam * penalty(w, select(meta, WEIGHTS))
            return support_loss(parts, w, task, noise(task, "support") if noisy else None)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts, batch_norm, w, task)

        return adaptation(parts, stage._replace(steps=stage.steps + pull_back), inner, outer)

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        meta = {name: tensor.detach() for name, tensor in meta.items()}
        centre = select(meta, WEIGHTS)
        w, _ = solve(descent(parts, stage, pull_back=True, noisy=True), meta, task)

        def on_support(w: Params) -> Tensor:
            return support_loss(parts, w, task, noise(task, "support"))

        def on_queries(w: Params) -> tuple[Tensor, Tensor]:
            return query_loss(parts, batch_norm, w, task, noise(task, "query"))

        b, (value, logits) = grad_and_value(on_queries, has_aux=True)(w)
        gradient, products = vjp(grad(on_support), w)[:2]

        def hessian_times(v: Params) -> Params:
            return products(v)[0]

        def released(v: Params) -> Params:
            own = {name: (1 + cg_damping) * part for name, part in v.items()}
            return plus(own, hessian_times(v), 1 / (lam + lam_damping))

        x = conjugate_gradients(iterations)(released, b)
        metrics = {
            "loss": value,
            "accuracy": parts.objective.score(logits, task.query.y),
            "inner_residual": norm(plus(gradient, plus(w, centre, -1), lam)),
            "solver_residual": norm(plus(plus(x, hessian_times(x), 1 / lam), b, -1)) / norm(b),
        }
        return Gradient(grouped(WEIGHTS, x), metrics, {})

    return Learner(
        meta_gradient,
        predict=after_adaptation(lambda parts, stage: descent(parts, stage, pull_back=False, noisy=False)),
        update=lambda parts: MetaUpdate(adam(meta_lr, meta_eps), constant(meta_lr)),
        traits=Traits(batch_norm),
    )
