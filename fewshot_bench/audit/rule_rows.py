"""Inner optimizers that remember: gradients to the start, to learning rates, and to what remembering is measured by."""

from torch import optim

from fewshot_bench.audit.as_printed import as_printed
from fewshot_bench.audit.by_higher import by_higher, only_lr
from fewshot_bench.audit.by_torchopt import by_torchopt
from fewshot_bench.audit.maml_rows import DIFFERENCES
from fewshot_bench.audit.ours import one_by_one
from fewshot_bench.audit.row import OURS, AuditRow, wrong
from fewshot_bench.hypergradients.finite_differences import finite_differences
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled

SECTION = "rules"
MOMENTUM, ADAGRAD, RMSPROP = "momentum, 4 steps", "Adagrad, 4 steps", "RMSprop, 4 steps"

AS_PRINTED = wrong(
    "Algorithm 1 of Grefenstette et al. 2019 as printed goes back over weights alone (line 14) and leaves out what the "
    "optimizer remembers. recomputed() carries that along. With gradient descent nothing is missing."
)

higher_momentum = by_higher(
    lambda parameters: optim.SGD(parameters, lr=1.0, momentum=0.5),
    lambda phi: {"lr": [phi["lr"]], "momentum": [phi["momentum"]]},
)
higher_adagrad = by_higher(lambda parameters: optim.Adagrad(parameters, lr=1.0), only_lr)
higher_rmsprop = by_higher(
    lambda parameters: optim.RMSprop(parameters, lr=1.0), lambda phi: {"lr": [phi["lr"]], "alpha": [phi["alpha"]]}
)
torchopt_momentum = by_torchopt(
    lambda torchopt, module, phi: torchopt.MetaSGD(module, lr=phi["lr"], momentum=phi["momentum"])
)
torchopt_adagrad = by_torchopt(lambda torchopt, module, phi: torchopt.MetaAdaGrad(module, lr=phi["lr"]))
torchopt_rmsprop = by_torchopt(
    lambda torchopt, module, phi: torchopt.MetaRMSProp(module, lr=phi["lr"], alpha=float(phi["alpha"]))
)
torchopt_alpha = by_torchopt(
    lambda torchopt, module, phi: torchopt.MetaRMSProp(module, lr=phi["lr"], alpha=phi["alpha"])
)


def of_ours(problem: str, wrt: tuple[str, ...]) -> list[AuditRow]:
    """And Algorithm 1's, for each group apart."""
    return [
        AuditRow(SECTION, problem, OURS, "unrolled()", wrt, one_by_one(unrolled())),
        AuditRow(SECTION, problem, OURS, "recomputed()", wrt, one_by_one(recomputed())),
        AuditRow(SECTION, problem, OURS, "finite_differences()", wrt, one_by_one(finite_differences()), DIFFERENCES),
        *(
            AuditRow(SECTION, problem, "paper", "Algorithm 1, printed", (one,), one_by_one(as_printed), AS_PRINTED)
            for one in wrt
        ),
    ]


RULE_ROWS = [
    *of_ours(MOMENTUM, ("start", "lr", "momentum")),
    AuditRow(SECTION, MOMENTUM, "higher", "DifferentiableSGD", ("start", "lr", "momentum"), higher_momentum),
    AuditRow(SECTION, MOMENTUM, "torchopt", "MetaSGD", ("start", "lr", "momentum"), torchopt_momentum),
    *of_ours(ADAGRAD, ("start", "lr")),
    AuditRow(SECTION, ADAGRAD, "higher", "DifferentiableAdagrad", ("start", "lr"), higher_adagrad),
    AuditRow(SECTION, ADAGRAD, "torchopt", "MetaAdaGrad", ("start", "lr"), torchopt_adagrad),
    *of_ours(RMSPROP, ("start", "lr", "alpha")),
    AuditRow(SECTION, RMSPROP, "higher", "DifferentiableRMSprop", ("start", "lr", "alpha"), higher_rmsprop),
    AuditRow(SECTION, RMSPROP, "torchopt", "MetaRMSProp", ("start", "lr"), torchopt_rmsprop),
    AuditRow(SECTION, RMSPROP, "torchopt", "MetaRMSProp", ("alpha",), torchopt_alpha),
]
