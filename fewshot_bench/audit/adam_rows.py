"""Adam: gradients to its learning rate and to both betas, and what is wrong with one of them elsewhere."""

from torch import optim

from fewshot_bench.audit.by_higher import by_higher
from fewshot_bench.audit.by_torchopt import by_torchopt
from fewshot_bench.audit.ours import one_by_one
from fewshot_bench.audit.problem import Implementation, Problem
from fewshot_bench.audit.problems import BETA1, BETA2, EPS, LR
from fewshot_bench.audit.row import OURS, AuditRow, approximate, wrong
from fewshot_bench.audit.rule_rows import SECTION, of_ours
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.inner_optimizers.adam_higher2019 import adam_higher2019
from fewshot_bench.inner_optimizers.base import InnerOptimizer, Params

PROBLEM = "Adam, 4 steps"
BY_LR, BY_BETA1, BY_BETA2 = ("start", "lr"), ("beta1",), ("beta2",)

HIGHER = wrong(
    "higher takes `math.sqrt` of 1 - beta2^t, which drops that tensor's history, so the gradient to beta2 lacks a part."
)
REPRODUCED = wrong("adam-higher2019 is higher's Adam with that defect, reproduced on purpose.")
FLOAT32 = approximate("torchopt computes 1 - beta^t in float32 whatever the weights are in: rounding of 1e-7 and more.")


def _with_rule(rule: InnerOptimizer) -> Implementation:
    """Unrolled, with another rule in the problem's place."""

    def run(problem: Problem) -> Params:
        return one_by_one(unrolled())(problem._replace(bilevel=problem.bilevel._replace(opt=rule)))

    return run


higher2019 = _with_rule(adam_higher2019(lr=LR, beta1=BETA1, beta2=BETA2, eps=EPS))
higher_adam = by_higher(
    lambda parameters: optim.Adam(parameters, lr=1.0, eps=EPS),
    lambda phi: {"lr": [phi["lr"]], "betas": [(phi["beta1"], phi["beta2"])]},
)
torchopt_adam = by_torchopt(
    lambda torchopt, module, phi: torchopt.MetaAdam(module, lr=phi["lr"], betas=(BETA1, BETA2), eps=EPS)
)
torchopt_betas = by_torchopt(
    lambda torchopt, module, phi: torchopt.MetaAdam(module, lr=phi["lr"], betas=(phi["beta1"], phi["beta2"]), eps=EPS)
)

ADAM_ROWS = [
    *of_ours(PROBLEM, (*BY_LR, *BY_BETA1, *BY_BETA2)),
    AuditRow(SECTION, PROBLEM, OURS, "adam-higher2019", (*BY_LR, *BY_BETA1), higher2019),
    AuditRow(SECTION, PROBLEM, OURS, "adam-higher2019", BY_BETA2, higher2019, REPRODUCED),
    AuditRow(SECTION, PROBLEM, "higher", "DifferentiableAdam", (*BY_LR, *BY_BETA1), higher_adam),
    AuditRow(SECTION, PROBLEM, "higher", "DifferentiableAdam", BY_BETA2, higher_adam, HIGHER),
    AuditRow(SECTION, PROBLEM, "torchopt", "MetaAdam", BY_LR, torchopt_adam, FLOAT32),
    AuditRow(SECTION, PROBLEM, "torchopt", "MetaAdam", (*BY_BETA1, *BY_BETA2), torchopt_betas),
]
