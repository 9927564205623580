"""No inner optimizer: for learners without an inner loop."""

from fewshot_bench.inner_optimizers.base import InnerOptimizer


def none() -> InnerOptimizer:
    """Weights do not change. There is no state, and nothing to learn."""
    return InnerOptimizer(
        init=lambda params, outer: {},
        hyperparameters=lambda params: {},
        step=lambda params, grads, state, hyper: (params, state),
        bounds={},
    )
