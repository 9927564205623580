"""Second-order MAML through gradient descent: on a quadratic, and on a network with affine batch norm."""

from fewshot_bench.audit.as_printed import as_printed
from fewshot_bench.audit.by_autograd import by_autograd
from fewshot_bench.audit.by_higher import higher_sgd
from fewshot_bench.audit.by_learn2learn import learn2learn_maml
from fewshot_bench.audit.by_learner import on_images
from fewshot_bench.audit.by_torchmeta import torchmeta_maml
from fewshot_bench.audit.by_torchopt import torchopt_sgd
from fewshot_bench.audit.ours import one_by_one, vmapped
from fewshot_bench.audit.row import OURS, AuditRow, approximate
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.finite_differences import finite_differences
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.learners.maml import maml

SECTION = "maml"
QUADRATIC, NETWORK = "quadratic, 5 steps", "batch norm network, 5 steps"

DIFFERENCES = approximate("Finite differences: off by rounding and the third derivative. An independent witness.")
FIRST_ORDER = approximate("First order: inner gradients count as constants (FOMAML).")
TRUNCATED = approximate("Truncated: differentiates the last 4 of 5 steps, so the start gets nothing.")
REPTILE = approximate("Reptile's direction, start - end: a gradient of the Moreau envelope alone.")


def _on(problem: str, wrt: tuple[str, ...]) -> list[AuditRow]:
    return [
        AuditRow(SECTION, problem, OURS, "unrolled()", wrt, one_by_one(unrolled())),
        AuditRow(SECTION, problem, OURS, "vmap of unrolled()", wrt, vmapped(unrolled())),
        AuditRow(SECTION, problem, OURS, "recomputed()", wrt, one_by_one(recomputed())),
        AuditRow(SECTION, problem, OURS, "forward_mode()", wrt, one_by_one(forward_mode())),
        AuditRow(SECTION, problem, OURS, "finite_differences()", wrt, one_by_one(finite_differences()), DIFFERENCES),
        AuditRow(
            SECTION,
            problem,
            OURS,
            "unrolled(first_order=True)",
            wrt,
            one_by_one(unrolled(first_order=True)),
            FIRST_ORDER,
        ),
        AuditRow(SECTION, problem, "paper", "Algorithm 1, printed", wrt, one_by_one(as_printed)),
        AuditRow(SECTION, problem, "torch", "autograd.grad, create_graph", wrt, by_autograd),
        AuditRow(SECTION, problem, "higher", "DifferentiableSGD", wrt, higher_sgd),
        AuditRow(SECTION, problem, "torchopt", "MetaSGD", wrt, torchopt_sgd),
        AuditRow(SECTION, problem, "learn2learn", "MAML.clone, adapt", wrt, learn2learn_maml),
        AuditRow(SECTION, problem, "torchmeta", "gradient_update_parameters", wrt, torchmeta_maml),
    ]


IN_ALL, IN_IMAGES = ("start", "log_curvature", "lr"), ("start", "lr")

MAML_ROWS = [
    *_on(QUADRATIC, IN_ALL),
    AuditRow(SECTION, QUADRATIC, OURS, "unrolled(last=4)", IN_ALL, one_by_one(unrolled(last=4)), TRUNCATED),
    AuditRow(SECTION, QUADRATIC, OURS, "displacement()", ("start",), one_by_one(displacement()), REPTILE),
    *_on(NETWORK, IN_IMAGES),
    AuditRow(SECTION, NETWORK, OURS, "learner Maml", IN_IMAGES, on_images(maml(msl_epochs=0))),
    AuditRow(
        SECTION, NETWORK, OURS, "learner Maml, recomputed", IN_IMAGES, on_images(maml(msl_epochs=0), recompute=True)
    ),
]
