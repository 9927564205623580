"""A known problem for any inner optimizer: a few steps on a small network; start and hyperparameters are learned."""

import torch

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.known_problems.network import SHAPES, Points, points, query_loss, start, tied_loss
from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params


def few_steps(opt: InnerOptimizer, *, steps: int = 4, outer: OuterState | None = None) -> Known:
    """`few_step_problem` with its hypergradients by forward mode, which shares only the steps with reverse mode."""
    problem, phi, tasks = few_step_problem(opt, steps=steps, outer=outer)
    known = over_tasks(lambda task: forward_mode()(problem, phi, task), len(tasks.y))(tasks)
    return Known(problem, phi, tasks, known.value, known.dphi, minimum=None, converged=False)


def few_step_problem(
    opt: InnerOptimizer, *, steps: int = 4, outer: OuterState | None = None
) -> tuple[Bilevel, Params, Points]:
    """Problem, phi and tasks. `opt` takes a few steps on the inner loss of `network`, which end far from its minimum.

    Learned: start, log_strength, `<hyperparameter>/<parameter>`. outer: what the optimizer's state starts from.
    """
    weights = start()
    initial = opt.hyperparameters(weights)
    phi = {f"start/{name}": tensor for name, tensor in weights.items()}
    phi["log_strength"] = torch.tensor(-1.0, dtype=torch.float64)
    phi |= {f"{group}/{name}": tensor for group, tensors in initial.items() for name, tensor in tensors.items()}
    problem = Bilevel(
        inner=tied_loss,
        outer=query_loss,
        init=lambda phi, task: {name: phi[f"start/{name}"] for name in SHAPES},
        opt=opt,
        hyper=lambda phi, t: {group: {name: phi[f"{group}/{name}"] for name in SHAPES} for group in initial},
        steps=steps,
        step_weights=last_step_only(steps),
        state=lambda w: opt.init(w, outer),
    )
    return problem, phi, points()
