"""Ridge regression judged by leaving one example out: the hypergradient of its penalty in closed form."""

from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.inner_optimizers.sgd import sgd

EXAMPLES, FEATURES = 30, 4
STEPS, LR = 50, 0.0165  # eigenvalues of the Hessians: 32.1 to 88.9, so a step leaves at most 0.47 of the distance


class LeftOut(NamedTuple):
    """x: [examples, features]; y: [examples]; kept: [examples], 0 for the example that is left out and 1 for others."""

    x: Tensor
    y: Tensor
    kept: Tensor


def ridge_leave_one_out() -> Known:
    """Task i: 1/2 |X w - y|^2 without example i + 1/2 exp(log_decay) |w|^2 inside, (x_i w - y_i)^2 outside.

    The sum over tasks is PRESS (Allen 1974), whose derivative needs one fit of all examples and no inner problem.
    """
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(EXAMPLES, FEATURES, generator=generator, dtype=torch.float64)
    noise = torch.randn(EXAMPLES, generator=generator, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64) + noise
    tasks = LeftOut(x.expand(EXAMPLES, -1, -1), y.expand(EXAMPLES, -1), 1 - torch.eye(EXAMPLES, dtype=torch.float64))
    phi = {"log_decay": torch.tensor(3.0, dtype=torch.float64)}
    problem = Bilevel(
        inner=_inner,
        outer=lambda w, phi, task, t: (((1 - task.kept) * (task.x @ w["w"] - task.y) ** 2).sum(), w["w"]),
        init=lambda phi, task: {"w": torch.zeros_like(task.x[0])},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": {"w": phi["log_decay"].new_full((), LR)}},
        steps=STEPS,
        step_weights=last_step_only(STEPS),
        state=lambda w: {},
    )
    value, slope = _press(x, y, phi["log_decay"].exp())
    return Known(problem, phi, tasks, value, {"log_decay": slope}, minimum=_minimum, converged=True)


def _inner(w: Params, phi: Params, task: LeftOut, t: int) -> Tensor:
    misses = task.x @ w["w"] - task.y
    return 0.5 * (task.kept * misses**2).sum() + 0.5 * phi["log_decay"].exp() * (w["w"] ** 2).sum()


def _minimum(problem: Bilevel, phi: Params, task: LeftOut) -> Params:
    kept = task.kept[:, None] * task.x
    penalty = phi["log_decay"].exp() * torch.eye(FEATURES, dtype=task.x.dtype)
    return {"w": torch.linalg.solve(task.x.mT @ kept + penalty, kept.mT @ task.y)}


def _press(x: Tensor, y: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
    """Each example's part of PRESS, and its derivative by log decay; both [examples].

    Left out, example i is missed by e_i / (1 - h_i): e = y - H y with the hat matrix H = X G^-1 X', G = X'X + decay I,
    h its diagonal. dH / d decay = -X G^-2 X'.
    """
    inverse = torch.linalg.inv(x.mT @ x + decay * torch.eye(FEATURES, dtype=x.dtype))
    hat, minus_slope = x @ inverse @ x.mT, x @ inverse @ inverse @ x.mT
    e, room = y - hat @ y, 1 - hat.diagonal()
    missed = e / room
    slope = (minus_slope @ y - missed * minus_slope.diagonal()) / room
    return missed**2, decay * 2 * missed * slope
