"""A batch of tasks in one program: vmap around the gradient, and the gradient around vmap."""

from fewshot_bench.audit.batches import gradient_of_vmap, the_packages, torchs, vmap_of_gradient
from fewshot_bench.audit.ours import one_by_one, vmapped
from fewshot_bench.audit.row import OURS, AuditRow, wrong
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled

SECTION = "batches"
ONE_SHOT, FIVE_SHOTS = "VGG, 1 shot, rate 0.4", "VGG, 5 shots, rate 0.1"
START, LR = ("start",), ("lr",)

FUSED = wrong(
    "Differentiated twice from outside vmap, torch's fused batch norm loses how mean and variance depend on its input. "
    "functorch's maml-omniglot-transforms.py and torchopt's maml_omniglot_vmap.py are laid out like this, with 5 shots "
    "and rate 0.1."
)


def _on(problem: str) -> list[AuditRow]:
    return [
        AuditRow(SECTION, problem, OURS, "vmap of unrolled()", (*START, *LR), vmapped(unrolled())),
        AuditRow(SECTION, problem, OURS, "grad(vmap(task)), our norms", (*START, *LR), gradient_of_vmap(the_packages)),
        AuditRow(SECTION, problem, "torch", "vmap(grad(task)), fused", (*START, *LR), vmap_of_gradient(torchs)),
        AuditRow(SECTION, problem, "torch", "grad(vmap(task)), fused", START, gradient_of_vmap(torchs), FUSED),
        AuditRow(SECTION, problem, "torch", "grad(vmap(task)), fused", LR, gradient_of_vmap(torchs), FUSED),
    ]


BATCH_ROWS = [
    AuditRow(SECTION, ONE_SHOT, OURS, "unrolled()", (*START, *LR), one_by_one(unrolled())),
    AuditRow(SECTION, ONE_SHOT, OURS, "recomputed()", (*START, *LR), one_by_one(recomputed())),
    *_on(ONE_SHOT),
    *_on(FIVE_SHOTS),
]
