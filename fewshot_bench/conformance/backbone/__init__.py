"""The checks of a backbone, in stages: it is a function of weights and images that can be differentiated twice."""

from fewshot_bench.conformance.backbone.forward import (
    Backbone,
    initial_weights,
    logits,
    module,
    noise,
    options,
    own_weights,
    precision,
    pure_function,
)
from fewshot_bench.conformance.backbone.gradients import (
    finite_meta_gradient,
    grad_outside_vmap,
    run,
    second_derivatives,
    traced,
    vmap_equals_loop,
)
from fewshot_bench.conformance.findings import Check, Stages

__all__ = ["CHECKS", "STAGES", "Backbone"]

STAGES: Stages[Backbone] = (
    (module,),
    (own_weights,),
    (
        options,
        initial_weights,
        logits,
        precision,
        pure_function,
        noise,
    ),
    (
        finite_meta_gradient,
        second_derivatives,
        vmap_equals_loop,
        traced,
        grad_outside_vmap,
        run,
    ),
)

CHECKS: tuple[Check[Backbone], ...] = tuple(check for stage in STAGES for check in stage)
