"""Every problem of the audit, and where its answer comes from."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from fewshot_bench.audit.images import on_small_network, on_vgg
from fewshot_bench.audit.moreau import moreau_envelope
from fewshot_bench.audit.problem import Problem, from_known
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.known_problems.few_steps import few_step_problem
from fewshot_bench.hypergradients.known_problems.network import SHAPES, network
from fewshot_bench.hypergradients.known_problems.quadratic import quadratic
from fewshot_bench.hypergradients.known_problems.ridge import ridge_leave_one_out
from fewshot_bench.inner_optimizers.adagrad import adagrad
from fewshot_bench.inner_optimizers.adam import adam
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.inner_optimizers.rmsprop import rmsprop
from fewshot_bench.inner_optimizers.sgd import sgd

LR, BETA1, BETA2, EPS = 0.1, 0.9, 0.99, 0.0
"""Of Adam. eps is 0 because libraries add it at different places, which would tell them apart by 1e-8."""


class AuditProblem(NamedTuple):
    """make: the problem. what: sentences that say what it is and where its answer comes from."""

    make: Callable[[], Problem]
    what: str


def four_steps(rule: InnerOptimizer) -> Problem:
    """4 steps of a rule on a network of 27 weights, each of its hyperparameters one number for all of them."""
    separate, phi, tasks = few_step_problem(rule, steps=4)
    names = list(rule.hyperparameters({name: phi[f"start/{name}"] for name in SHAPES}))
    bilevel = separate._replace(hyper=lambda phi, t: {name: dict.fromkeys(SHAPES, phi[name]) for name in names})
    own = {key: tensor for key, tensor in phi.items() if key.partition("/")[0] not in names}
    phi = own | {name: phi[f"{name}/{next(iter(SHAPES))}"] for name in names}
    known = over_tasks(lambda task: forward_mode()(bilevel, phi, task).dphi, len(tasks.y))(tasks)
    return Problem(bilevel, bilevel, phi, tasks, {name: tensor.mean(0) for name, tensor in known.items()})


CLOSED = "5 weights, eigenvalues of the Hessian from 0.5 to 2, 3 tasks. Answer: closed form, along the eigenvectors."
AUTOGRAD = "Answer: torch.autograd through the steps, task by task, with torch's own layers."
VGG = "four blocks, 8 filters (64 in the field; 8 are quicker), 5 ways, 28x28 pixels of noise, 2 tasks."
FORWARD = (
    "27 weights, tanh, tied to the start, 2 tasks. Answer: forward mode, sharing only the steps with reverse mode; "
    "finite differences agree."
)

PROBLEMS: dict[str, AuditProblem] = {
    "quadratic, 5 steps": AuditProblem(lambda: from_known(quadratic(5)), CLOSED),
    "batch norm network, 5 steps": AuditProblem(
        on_small_network, f"2 convolutions, 247 weights, tanh, 3 ways, 2 shots, 2 tasks of noise. {AUTOGRAD}"
    ),
    "VGG, 1 shot, rate 0.4": AuditProblem(partial(on_vgg, shots=1, lr=0.4), f"5 steps; {VGG} {AUTOGRAD}"),
    "VGG, 5 shots, rate 0.1": AuditProblem(partial(on_vgg, shots=5, lr=0.1), f"5 steps; {VGG} {AUTOGRAD}"),
    "momentum, 4 steps": AuditProblem(partial(four_steps, sgd(momentum=0.9)), FORWARD),
    "Adagrad, 4 steps": AuditProblem(partial(four_steps, adagrad(lr=0.1)), FORWARD),
    "RMSprop, 4 steps": AuditProblem(partial(four_steps, rmsprop(lr=0.02, alpha=0.9)), FORWARD),
    "Adam, 4 steps": AuditProblem(partial(four_steps, adam(lr=LR, beta1=BETA1, beta2=BETA2, eps=EPS)), FORWARD),
    "quadratic, minimum": AuditProblem(lambda: from_known(quadratic(80)), CLOSED),
    "ridge, leave one out": AuditProblem(
        lambda: from_known(ridge_leave_one_out()),
        "30 tasks: least squares with weight decay, one example left out. Answer: the derivative of PRESS.",
    ),
    "small network, minimum": AuditProblem(
        lambda: from_known(network()),
        "27 weights, tanh, tied to the start, 2 tasks. Answer: the whole Hessian, inverted at Newton's minimum.",
    ),
    "Moreau envelope": AuditProblem(
        moreau_envelope,
        "3 quadratics, 5 weights, a tie of strength 2. Answer: closed form, by the harmonic sum of two Hessians.",
    ),
}
"""Name in the table -> what it is."""
