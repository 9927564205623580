"""A quadratic inner loss: every inner step, and every derivative of it, in closed form."""

from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.inner_optimizers.sgd import sgd

WEIGHTS, SOURCES, TASKS = 5, 3, 3


class Quadratic(NamedTuple):
    """rotation R: [weights, weights], orthogonal; mixing B: [weights, sources]; goal c: [weights]."""

    rotation: Tensor
    mixing: Tensor
    goal: Tensor


def quadratic(steps: int) -> Known:
    """`steps` steps of gradient descent on 1/2 w' A w - (B source)' w, judged by 1/2 |w - c|^2 + 1/2 |source|^2.

    A = R diag(exp(log_curvature)) R' with eigenvalues between 0.5 and 2. Learned: start, source, log_curvature and the
    learning rate, 0.8, which makes each step leave at most 0.6 of the distance: 2e-18 of it after 80.
    B is not the identity, so the inverse Hessian is not to be had for free.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    rotation = torch.linalg.qr(draw(TASKS, WEIGHTS, WEIGHTS)).Q
    tasks = Quadratic(rotation, draw(TASKS, WEIGHTS, SOURCES), draw(TASKS, WEIGHTS))
    phi = {
        "start": draw(WEIGHTS),
        "source": draw(SOURCES),
        "log_curvature": torch.linspace(0.5, 2.0, WEIGHTS, dtype=torch.float64).log(),
        "lr": torch.tensor(0.8, dtype=torch.float64),
    }
    answers = [_answer(phi, Quadratic(*one), steps) for one in zip(*tasks, strict=True)]
    problem = Bilevel(
        inner=_inner,
        outer=_outer,
        init=lambda phi, task: {"w": phi["start"]},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": {"w": phi["lr"]}},
        steps=steps,
        step_weights=last_step_only(steps),
        state=lambda w: {},
    )
    return Known(
        problem,
        phi,
        tasks,
        value=torch.stack([value for value, _ in answers]),
        dphi={name: torch.stack([dphi[name] for _, dphi in answers]) for name in phi},
        minimum=_minimum,
        converged=steps >= 80,
    )


def _inner(w: Params, phi: Params, task: Quadratic, t: int) -> Tensor:
    along = task.rotation.mT @ w["w"]
    return 0.5 * (phi["log_curvature"].exp() * along**2).sum() - (task.mixing @ phi["source"]) @ w["w"]


def _outer(w: Params, phi: Params, task: Quadratic, t: int) -> tuple[Tensor, Tensor]:
    return 0.5 * ((w["w"] - task.goal) ** 2).sum() + 0.5 * (phi["source"] ** 2).sum(), w["w"]


def _minimum(problem: Bilevel, phi: Params, task: Quadratic) -> Params:
    pulled = task.rotation.mT @ (task.mixing @ phi["source"])
    return {"w": task.rotation @ (pulled / phi["log_curvature"].exp())}


def _answer(phi: Params, task: Quadratic, steps: int) -> tuple[Tensor, Params]:
    """Value and gradient for one task, by hand, along the eigenvectors of A.

    There each element v of w moves for itself: v_K = m + q^K (v_0 - m), with minimum m = p / a, q = 1 - lr a, a the
    eigenvalue and p the element of R' B source.
    """
    R, B = task.rotation, task.mixing
    a, lr = phi["log_curvature"].exp(), phi["lr"]
    p, q = R.mT @ (B @ phi["source"]), 1 - lr * a
    away = R.mT @ phi["start"] - p / a
    v = p / a + q**steps * away
    error = v - R.mT @ task.goal
    slope = steps * q ** (steps - 1) * away if steps else torch.zeros_like(a)  # of q^K (v_0 - m) along q
    value = 0.5 * (error**2).sum() + 0.5 * (phi["source"] ** 2).sum()
    along_a = -(1 - q**steps) * p / a**2 - lr * slope
    dphi = {
        "start": R @ (q**steps * error),
        "source": B.mT @ (R @ ((1 - q**steps) / a * error)) + phi["source"],
        "log_curvature": a * along_a * error,
        "lr": -(a * slope * error).sum(),
    }
    return value, dphi
