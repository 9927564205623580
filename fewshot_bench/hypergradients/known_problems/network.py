"""A network small enough for its whole Hessian, tied to where it starts: iMAML's inner problem."""

from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, grad_and_value, jacrev

from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.hypergradients.vectors import row, shaped
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.inner_optimizers.sgd import sgd

SHAPES = {"hidden.weight": (5, 2), "hidden.bias": (5,), "top.weight": (2, 5), "top.bias": (2,)}  # 27 parameters
TASKS, POINTS = 2, 10
STEPS, LR = 40, 0.37  # eigenvalues of the Hessians: 1.77 to 3.65, so a step leaves at most 0.35 of the distance
STRENGTH = 2.0  # of the tie: lambda of Rajeswaran et al. 2019 on Omniglot


class Points(NamedTuple):
    """Two classes in the plane. x, query_x: [points, 2]; y, query_y: [points] int64 in {0, 1}."""

    x: Tensor
    y: Tensor
    query_x: Tensor
    query_y: Tensor


def network() -> Known:
    """Cross-entropy + strength / 2 |w - start|^2 inside, cross-entropy of other points outside.

    Learned: start, log_strength. The answer is the implicit function theorem's, written out: with x = H^-1 grad outer
    at the minimum that Newton's method finds, d start = strength x and d log_strength = -strength (w - start)' x.
    """
    phi = {f"start/{name}": tensor for name, tensor in start().items()}
    phi["log_strength"] = torch.tensor(log(STRENGTH), dtype=torch.float64)
    tasks = points()
    problem = Bilevel(
        inner=tied_loss,
        outer=query_loss,
        init=lambda phi, task: {name: phi[f"start/{name}"] for name in SHAPES},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": {name: phi["log_strength"].new_full((), LR) for name in SHAPES}},
        steps=STEPS,
        step_weights=last_step_only(STEPS),
        state=lambda w: {},
    )
    answers = [_answer(problem, phi, Points(*one)) for one in zip(*tasks, strict=True)]
    return Known(
        problem,
        phi,
        tasks,
        value=torch.stack([value for value, _ in answers]),
        dphi={name: torch.stack([dphi[name] for _, dphi in answers]) for name in phi},
        minimum=_minimum,
        converged=True,
    )


def start() -> Params:
    generator = torch.Generator().manual_seed(2)
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in SHAPES.items()}


def points() -> Points:
    """Classes that a curve divides, a different one in each task; support and query drawn alike."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(TASKS, 2 * POINTS, 2, generator=generator, dtype=torch.float64)
    bend = torch.randn(TASKS, 1, generator=generator, dtype=torch.float64)
    y = (x[..., 1] > bend * (x[..., 0] ** 2 - 1)).long()
    return Points(x[:, :POINTS], y[:, :POINTS], x[:, POINTS:], y[:, POINTS:])


def tied_loss(w: Params, phi: Params, task: Points, t: int) -> Tensor:
    distance = sum((((w[name] - phi[f"start/{name}"]) ** 2).sum() for name in SHAPES), torch.zeros(()))
    return F.cross_entropy(_logits(w, task.x), task.y) + 0.5 * phi["log_strength"].exp() * distance


def query_loss(w: Params, phi: Params, task: Points, t: int) -> tuple[Tensor, Tensor]:
    """The loss, and the logits."""
    logits = _logits(w, task.query_x)
    return F.cross_entropy(logits, task.query_y), logits


def _logits(w: Params, x: Tensor) -> Tensor:
    hidden = torch.tanh(F.linear(x, w["hidden.weight"], w["hidden.bias"]))
    return F.linear(hidden, w["top.weight"], w["top.bias"])


def _minimum(problem: Bilevel, phi: Params, task: Points) -> Params:
    """Newton's method from the start: the tie makes the loss nearly quadratic, so 6 steps are plenty."""
    w = problem.init(phi, task)
    for _ in range(6):
        w = shaped(row(w) - torch.linalg.solve(_hessian(problem, w, phi, task), _slope(problem, w, phi, task)), w)
    return w


def _slope(problem: Bilevel, w: Params, phi: Params, task: Points) -> Tensor:
    return row(grad(problem.inner)(w, phi, task, 0))


def _hessian(problem: Bilevel, w: Params, phi: Params, task: Points) -> Tensor:
    """[27, 27]."""
    return jacrev(lambda elements: _slope(problem, shaped(elements, w), phi, task))(row(w))


def _answer(problem: Bilevel, phi: Params, task: Points) -> tuple[Tensor, Params]:
    w = _minimum(problem, phi, task)
    slope, (value, _) = grad_and_value(problem.outer, has_aux=True)(w, phi, task, 0)
    x = torch.linalg.solve(_hessian(problem, w, phi, task), row(slope))
    strength = phi["log_strength"].exp()
    moved = row(w) - row(problem.init(phi, task))
    dphi = {f"start/{name}": tensor for name, tensor in shaped(strength * x, w).items()}
    return value, {**dphi, "log_strength": -strength * (moved @ x)}
