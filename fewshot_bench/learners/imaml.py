"""iMAML: the implicit meta-gradient at the end of adaptation (Rajeswaran et al. 2019, arXiv:1909.04630)."""

from math import inf, log
from typing import Literal

from torch import Tensor

from fewshot_bench.basics.about import About
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.problem import Bilevel, Task
from fewshot_bench.hypergradients.solvers import conjugate_gradients, neumann
from fewshot_bench.inner_optimizers.base import Params, check_range
from fewshot_bench.learners.adaptation import (
    after_adaptation,
    as_gradient,
    penalty,
    query_loss,
    regularised,
    support_loss,
)
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
    cosine,
    grouped,
    select,
)
from fewshot_bench.learners.streams import noise

NAMES: dict[str, About] = {
    "imaml": {
        "title": "iMAML: the implicit gradient from where adaptation ends, held near its start",
        "learns": "weights; lambda if asked",
        "gradient": "implicit, conjugate gradients",
        "cite": {"rajeswaran2019": "the algorithm", "kingma2015": "the meta-optimizer"},
        "metrics": {
            "inner_residual": "norm of the inner gradient where adaptation ended; the theorem wants zero",
            "solver_residual": "|A x - b| / |b| of the linear system",
        },
        "published": [
            {
                "source": "iMAML arXiv:1909.04630 Table 2",
                "method": "iMAML (GD, 5 CG steps)",
                "recipe": "only beside vgg, the nearest to its four convolutions, of stride 2; 16 (5-way) or 25 "
                "(20-way) gradient steps, lambda 2; ±: half the 95 % interval over its test tasks",
            }
        ],
    },
    "imaml-variational": {
        "title": "iMAML's inner problem, and the gradient of its minimum, which needs no solver",
        "learns": "weights",
        "gradient": "displacement",
        "cite": {
            "rajeswaran2019": "the proximal inner problem",
            "moreau1965": "the gradient of the value of that problem",
            "kingma2015": "the meta-optimizer",
        },
        "options": {"objective": "variational"},
    },
}

LOG_LAM = "log_lam/all"


def imaml(
    *,
    lam: float = 2.0,
    learn_lam: bool = False,
    objective: Literal["query", "variational"] = "query",
    beta: float = 0.0,
    solver: Literal["cg", "neumann"] = "cg",
    iterations: int = 5,
    damping: float = 0.0,
    alpha: float = 0.1,
    meta_lr: float = 0.001,
    meta_lr_min: float = 0.001,
    meta_eps: float = 1e-8,
    batch_norm: BatchNorm = "transductive",
) -> Learner:
    """iMAML with any rule inside. Learns the weights that adaptation starts from and holds on to.

    Args:
        lam: Strength of the hold on the start (paper, section 4.2 and appendix: 2.0 on Omniglot).
        learn_lam: Learn log lambda with the weights, by the full mixed derivative.
        objective: What is meta-learned: the query loss, or (1 - beta) support + beta query + lam / 2 |w - start|^2.
        beta: Share of the query loss in the variational objective; 0: the Moreau envelope, with Reptile's direction.
        solver: Of the linear system: conjugate gradients (the paper), or a Neumann series (Lorraine et al. 2020).
        iterations: Of the solver (paper: 5 steps of conjugate gradients).
        damping: Added to the curvature in conjugate gradients, which negative directions of the Hessian otherwise lead
            astray.
        alpha: Step size of the Neumann series; it converges below 2 / (lam + the largest curvature).
        meta_lr: Adam's learning rate (aravindr93/imaml_dev, README: --outer_lr 1e-3).
        meta_lr_min: Where its cosine ends; equal to `meta_lr`: no annealing (imaml_dev).
        meta_eps: Adam's eps; imaml_dev has 1e-3 (learner_model.py), the paper says nothing.
        batch_norm: What normalises a query: the other queries (imaml_dev), or the support set and itself alone
            ("inductive").

    Raises:
        ValueError: An option is out of range, or two options exclude each other.
    """
    check_range("lam", lam, 1e-12, inf)
    check_range("beta", beta, 0, 1)
    check_range("iterations", iterations, 1, inf)
    check_range("damping", damping, 0, inf)
    check_range("alpha", alpha, 0, inf)
    check_range("meta_lr", meta_lr, 0, inf)
    check_range("meta_lr_min", meta_lr_min, 0, meta_lr)
    check_range("meta_eps", meta_eps, 0, inf)
    if learn_lam and objective == "variational":
        raise ValueError("`learn_lam` is for the query objective: the variational one falls with lambda, down to 0.")

    linear = conjugate_gradients(iterations, damping=damping) if solver == "cg" else neumann(iterations, alpha=alpha)
    # The linear system's right-hand side would be the inner gradient: zero at its minimum.
    estimator = displacement(lam) if objective == "variational" and beta == 0 else implicit(linear)

    def start(parts: Parts, steps: int) -> Meta:
        meta = grouped(WEIGHTS, parts.model.weights)
        if learn_lam:
            any_weight = next(iter(parts.model.weights.values()))
            meta[LOG_LAM] = any_weight.new_full((), log(lam))
        return meta

    def strength(meta: Meta) -> Tensor | float:
        return meta[LOG_LAM].exp() if learn_lam else lam

    def problem(parts: Parts, stage: Stage, *, noisy: bool) -> Bilevel:
        def on_queries(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts, batch_norm, w, task, noise(task, "query") if noisy else None)

        def variational(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            loss, logits = on_queries(w, meta, task, t)
            own = support_loss(parts, w, task, noise(task, "support") if noisy else None)
            held = lam * penalty(w, select(meta, WEIGHTS))
            return (1 - beta) * own + beta * loss + held, logits

        outer = on_queries if objective == "query" else variational
        return regularised(parts, stage, strength, outer, noisy=noisy)

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        return as_gradient(parts, estimator(problem(parts, stage, noisy=True), meta, task), task)

    return Learner(
        meta_gradient,
        predict=after_adaptation(lambda parts, stage: problem(parts, stage, noisy=False)),
        update=lambda parts: MetaUpdate(adam(meta_lr, meta_eps), cosine(meta_lr, meta_lr_min)),
        start=start,
        traits=Traits(batch_norm),
        learned=lambda parts, meta: {"lam/all": meta[LOG_LAM].exp()} if learn_lam else {},
    )
