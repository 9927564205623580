"""No adaptation by gradients: for learners without an inner loop."""

from fewshot_bench.inner_optimizers.base import InnerOptimizer


def none() -> InnerOptimizer:
    """Weights stay as they are. There is nothing to remember and nothing to learn."""
    return InnerOptimizer(
        init=lambda params, outer: {},
        hyperparameters=lambda params: {},
        step=lambda params, grads, state, hyper: (params, state),
        bounds={},
    )
