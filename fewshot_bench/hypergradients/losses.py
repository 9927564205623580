"""Which losses along the inner steps count."""

from fewshot_bench.basics.counting import counted
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only


def weights_along(problem: Bilevel) -> tuple[float, ...]:
    """Weight of the outer loss at w_0, w_1, ..., w_steps; w_0 counts only where there is no step.

    Raises ValueError where `step_weights` has not one number a step, or none but zeros.
    """
    if len(problem.step_weights) != problem.steps:
        numbers, steps = counted(len(problem.step_weights), "number"), counted(problem.steps, "inner step")
        raise ValueError(f"`step_weights` has {numbers} for {steps}.")
    weights = (0.0, *problem.step_weights) if problem.steps else (1.0,)
    if not any(weights):
        raise ValueError("`step_weights` are all zero, so no loss counts.")
    return weights


def last_step(problem: Bilevel) -> int:
    """Index of the last inner step, 0 where there is none: the `t` of the losses at the adapted weights.

    For estimators that look at nothing but where adaptation ends. Raises ValueError where a loss before that counts,
    which they would leave out in silence.
    """
    if tuple(problem.step_weights) != last_step_only(problem.steps):
        raise ValueError(
            f"`step_weights` is {tuple(problem.step_weights)}, but implicit gradients and displacements know the loss "
            f"after the last step alone: {last_step_only(problem.steps)}."
        )
    return max(problem.steps - 1, 0)
