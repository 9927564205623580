"""Gradient descent."""

from math import inf

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range, per_tensor


def sgd(*, lr: float = 0.1, lr_min: float = 1e-4) -> InnerOptimizer:
    """p <- p - lr * g, with one learning rate a parameter tensor, as torch.optim.SGD without momentum.

    lr: initial learning rate. 0.1: the fork's config.yaml, for SGD and Adam alike.
    lr_min: floor of a learned rate after each meta-step; no ceiling (the fork's few_shot_learning_system.py:324-330).
    """

    check_range("lr_min", lr_min, 0, inf)
    check_range("lr", lr, lr_min, inf)

    def step(params, grads, state, hyper):  # type: ignore[no-untyped-def]  # the types stand in InnerOptimizer
        rates = hyper["lr"]
        return {name: p - rates[name] * grads[name] for name, p in params.items()}, state

    return InnerOptimizer(
        init=lambda params, outer: {},
        hyperparameters=lambda params: {"lr": per_tensor(params, lr)},
        step=step,
        bounds={"lr": (lr_min, inf)},
    )
