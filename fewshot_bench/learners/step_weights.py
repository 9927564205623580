"""The multi-step loss of MAML++: how much the query loss after each inner step counts."""

from fewshot_bench.hypergradients.problem import last_step_only


def multi_step(steps: int, epoch: int, epochs: int, floor: float) -> tuple[float, ...]:
    """Weights that start equal and move to the last step over `epochs`; those before it end at floor / steps.

    Antoniou et al. 2018, section 4; few_shot_learning_system.py:131-165 of the paper's fork (floor 0.03).
    """
    if epoch >= epochs or steps == 0:
        return last_step_only(steps)
    share = 1 / steps
    moved = min(epoch * share / epochs, share * (1 - floor))
    return (*(share - moved for _ in range(steps - 1)), share + (steps - 1) * moved)
