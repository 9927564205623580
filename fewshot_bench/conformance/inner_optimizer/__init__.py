"""The checks of an inner optimizer, in stages: pure functions, differentiable in the start and all hyperparameters."""

from fewshot_bench.conformance.findings import Check, Stages
from fewshot_bench.conformance.inner_optimizer.contract import (
    Rule,
    bounds,
    contract,
    hyperparameters_are_read,
    options,
    part_of_the_parameters,
    pure_functions,
    state,
)
from fewshot_bench.conformance.inner_optimizer.gradients import (
    any_grain,
    derivatives,
    descent,
    run,
    traced,
    vmap_equals_loop,
    zero_gradients,
)

__all__ = ["CHECKS", "STAGES", "Rule"]

STAGES: Stages[Rule] = (
    (contract,),
    (
        options,
        bounds,
        state,
    ),
    (
        pure_functions,
        hyperparameters_are_read,
        part_of_the_parameters,
    ),
    (
        any_grain,
        derivatives,
        zero_gradients,
        vmap_equals_loop,
        traced,
        descent,
        run,
    ),
)

CHECKS: tuple[Check[Rule], ...] = tuple(check for stage in STAGES for check in stage)
