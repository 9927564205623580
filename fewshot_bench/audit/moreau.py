"""The Moreau envelope of a quadratic, whose gradient is known and is Reptile's direction times the tie's strength."""

from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.audit.problem import Problem
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.inner_optimizers.sgd import sgd

STRENGTH = 2.0
WEIGHTS, TASKS, STEPS, LR = 5, 3, 60, 0.3  # eigenvalues with the tie: 2.5 to 4, so a step leaves at most 0.25


class Bowl(NamedTuple):
    """curvature A: [weights, weights], eigenvalues from 0.5 to 2; bottom c: [weights]."""

    curvature: Tensor
    bottom: Tensor


def moreau_envelope() -> Problem:
    """M(start) = min over w of f(w) + strength / 2 |w - start|^2 with f(w) = 1/2 (w - c)' A (w - c).

    M is an infimal convolution of quadratics, so its Hessian is their harmonic sum: the gradient is
    (A^-1 + I / strength)^-1 (start - c), mean over tasks. No inner problem is solved for it.
    """
    generator = torch.Generator().manual_seed(4)
    rotation = torch.linalg.qr(torch.randn(TASKS, WEIGHTS, WEIGHTS, generator=generator, dtype=torch.float64)).Q
    curvature = rotation @ torch.linspace(0.5, 2.0, WEIGHTS, dtype=torch.float64).diag() @ rotation.mT
    tasks = Bowl(curvature, torch.randn(TASKS, WEIGHTS, generator=generator, dtype=torch.float64))
    phi = {"start": torch.randn(WEIGHTS, generator=generator, dtype=torch.float64)}
    bilevel = Bilevel(
        inner=_tied,
        outer=lambda w, phi, task, t: (_tied(w, phi, task, t), w["w"]),
        init=lambda phi, task: {"w": phi["start"]},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": {"w": phi["start"].new_full((), LR)}},
        steps=STEPS,
        step_weights=last_step_only(STEPS),
        state=lambda w: {},
    )
    harmonic = torch.linalg.inv(torch.linalg.inv(curvature) + torch.eye(WEIGHTS, dtype=torch.float64) / STRENGTH)
    answer = (harmonic @ (phi["start"] - tasks.bottom)[..., None])[..., 0].mean(0)
    return Problem(bilevel, bilevel, phi, tasks, {"start": answer})


def _tied(w: Params, phi: Params, task: Bowl, t: int) -> Tensor:
    away = w["w"] - task.bottom
    return 0.5 * away @ task.curvature @ away + 0.5 * STRENGTH * ((w["w"] - phi["start"]) ** 2).sum()
