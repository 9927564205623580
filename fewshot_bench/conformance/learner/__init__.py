"""What a learner has to pass: pure functions of meta-parameters and task, and meta-steps with any network and rule."""

from fewshot_bench.conformance.findings import Check, Stages
from fewshot_bench.conformance.learner.contract import (
    Candidate,
    contract,
    gradient,
    inductive,
    labels_are_unseen,
    logits,
    memory,
    meta_parameters,
    options,
    pure_functions,
    shown,
    trial,
    two_tasks,
)
from fewshot_bench.conformance.learner.gradients import (
    descent,
    gradient_of_the_loss,
    meta_steps,
    other_ways,
    phases,
    run,
    traced,
    vmap_equals_loop,
)

__all__ = ["CHECKS", "STAGES", "Candidate", "trial", "two_tasks"]

STAGES: Stages[Candidate] = (
    (contract,),
    (
        options,
        meta_parameters,
    ),
    (
        memory,
        gradient,
        pure_functions,
        logits,
        shown,
    ),
    (
        labels_are_unseen,
        inductive,
        vmap_equals_loop,
        phases,
        gradient_of_the_loss,
        other_ways,
        meta_steps,
        traced,
        descent,
        run,
    ),
)

CHECKS: tuple[Check[Candidate], ...] = tuple(check for stage in STAGES for check in stage)
