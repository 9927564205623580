"""Implicit gradients by the package's solvers: at a minimum of the inner loss, where they can be exact, and away."""

from collections.abc import Callable

from fewshot_bench.audit.by_learner import on_points
from fewshot_bench.audit.ours import one_by_one
from fewshot_bench.audit.released import released_system
from fewshot_bench.audit.row import OURS, AuditRow, Off, approximate, wrong
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.known_problems.network import LR as NETWORK_LR
from fewshot_bench.hypergradients.known_problems.ridge import LR as RIDGE_LR
from fewshot_bench.hypergradients.solvers import Solver, conjugate_gradients, dense, identity, neumann, nystrom
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.learners.imaml import imaml
from fewshot_bench.learners.imaml_released import imaml_released

SECTION = "implicit"
QUADRATIC, RIDGE, NETWORK = "quadratic, minimum", "ridge, leave one out", "small network, minimum"
AWAY, ENVELOPE = "quadratic, 5 steps", "Moreau envelope"
START, SOURCE, IN_ALL = ("start",), ("source", "log_curvature"), ("start", "log_strength")

MINIMA = {QUADRATIC: (SOURCE, 0.8), RIDGE: (("log_decay",), RIDGE_LR), NETWORK: (IN_ALL, NETWORK_LR)}
"""Problem -> what the inner loss depends on, and alpha, the learning rate: what Neumann series and identity go by."""

FEW = approximate("Few iterations: the linear system is solved in part (iMAML has 5).")
RHO = approximate("Nystrom: rho is added to the curvature that its columns reach, and stands for what they do not.")
IDENTITY = approximate(
    "Identity inverse: the curvature counts as 1 / alpha in all directions (T1-T2, Luketina et al. 2016)."
)
NOT_THERE = approximate("Five steps do not end at a minimum, where alone the implicit function theorem holds.")
HALF = approximate("Reptile's direction is the gradient here but for the tie's strength, which is 2.")
RELEASED = wrong("imaml_dev, iMAML's public code, solves 2 x + H x / (lam + 10) = b; the paper's is x + H x / lam = b.")
REPRODUCED = wrong("imaml-released reproduces imaml_dev on purpose: that system, and inner steps that end elsewhere.")

SOLVERS: dict[str, tuple[Callable[[float], Solver], Off | None]] = {
    "dense()": (lambda alpha: dense(), None),
    "conjugate_gradients(27)": (lambda alpha: conjugate_gradients(27), None),
    "conjugate_gradients(2)": (lambda alpha: conjugate_gradients(2), FEW),
    "neumann(200, alpha)": (lambda alpha: neumann(200, alpha=alpha), None),
    "neumann(5, alpha)": (lambda alpha: neumann(5, alpha=alpha), FEW),
    "nystrom(27, rho=1e-6)": (lambda alpha: nystrom(27, rho=1e-6), RHO),
    "nystrom(3, rho=1 / alpha)": (lambda alpha: nystrom(3, rho=1 / alpha), RHO),
    "identity(alpha)": (lambda alpha: identity(alpha), IDENTITY),
}
"""Call -> alpha -> solver, and why it is not exact. 27 is the number of weights of the small network."""


def _at(problem: str) -> list[AuditRow]:
    wrt, alpha = MINIMA[problem]
    return [
        AuditRow(SECTION, problem, OURS, "unrolled()", wrt, one_by_one(unrolled())),
        *(
            AuditRow(SECTION, problem, OURS, call, wrt, one_by_one(implicit(make(alpha))), off)
            for call, (make, off) in SOLVERS.items()
        ),
    ]


IMAML = [
    AuditRow(SECTION, NETWORK, OURS, "learner Imaml", IN_ALL, on_points(imaml(learn_lam=True)), FEW),
    AuditRow(
        SECTION, NETWORK, OURS, "learner Imaml(iterations=27)", IN_ALL, on_points(imaml(learn_lam=True, iterations=27))
    ),
    AuditRow(
        SECTION, NETWORK, OURS, "imaml-released's system", START, one_by_one(implicit(released_system(27))), RELEASED
    ),
    AuditRow(SECTION, NETWORK, OURS, "learner ImamlReleased", START, on_points(imaml_released()), REPRODUCED),
]
"""The learners, with the strength of their tie learned; and what the public code computes."""

IMPLICIT_ROWS = [
    *_at(QUADRATIC),
    AuditRow(SECTION, AWAY, OURS, "dense()", SOURCE, one_by_one(implicit(dense())), NOT_THERE),
    *_at(RIDGE),
    *_at(NETWORK),
    *IMAML,
    AuditRow(SECTION, ENVELOPE, OURS, "unrolled()", START, one_by_one(unrolled())),
    AuditRow(SECTION, ENVELOPE, OURS, "dense()", START, one_by_one(implicit(dense()))),
    AuditRow(SECTION, ENVELOPE, OURS, "displacement(2)", START, one_by_one(displacement(2.0))),
    AuditRow(SECTION, ENVELOPE, OURS, "displacement()", START, one_by_one(displacement()), HALF),
]
