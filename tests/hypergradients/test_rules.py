"""Three ways through the same steps, for every inner optimizer: backwards by autograd, backwards by hand, forwards."""

import pytest
import torch

from fewshot_bench.audit.as_printed import as_printed
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.few_steps import few_step_problem, few_steps
from fewshot_bench.hypergradients.known_problems.network import start
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.hypergradients.vectors import norm, plus
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState

RULES = {
    **{name: make() for name, make in INNER_OPTIMIZERS.items()},
    "momentum": INNER_OPTIMIZERS["sgd"](momentum=0.9),
    "nesterov": INNER_OPTIMIZERS["sgd"](momentum=0.9, nesterov=True, weight_decay=0.01),
}


def mid_training() -> OuterState:
    """Statistics of a meta-optimizer after three steps."""
    generator = torch.Generator().manual_seed(7)
    m = {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in start().items()}
    return OuterState(m, {name: 0.1 + g * g for name, g in m.items()}, torch.tensor(3.0, dtype=torch.float64))


def entangled(plain: Bilevel) -> Bilevel:
    """With everything the contract allows: losses after three of four steps, and phi and t wherever they may stand."""
    return plain._replace(
        inner=lambda w, phi, task, t: (1 + 0.1 * t) * plain.inner(w, phi, task, t),
        outer=lambda w, phi, task, t: (
            (1 + 0.2 * t) * plain.outer(w, phi, task, t)[0] + 0.1 * phi["log_strength"] ** 2,
            plain.outer(w, phi, task, t)[1],
        ),
        init=lambda phi, task: {name: torch.sin(2 * w) for name, w in plain.init(phi, task).items()},
        hyper=lambda phi, t: {
            group: {name: value * (1 + 0.01 * t * phi["log_strength"]) for name, value in values.items()}
            for group, values in plain.hyper(phi, t).items()
        },
        step_weights=(0.2, 0.0, 0.3, 0.5),
    )


def takes_over(rule: InnerOptimizer) -> bool:
    """Whether its state starts from the meta-optimizer's where there is one."""
    return str(rule.init(start(), None)) != str(rule.init(start(), mid_training()))


WALKS = [(name, None) for name in RULES] + [(name, mid_training()) for name, rule in RULES.items() if takes_over(rule)]


@pytest.mark.parametrize(("rule", "outer"), WALKS, ids=[name + (" warm" if outer else "") for name, outer in WALKS])
def test_unrolled_recomputed_and_forward_mode_agree(rule, outer):
    """To 1e-12 of the whole gradient.

    To 1e-9 in each entry: that of a beta of 0.999 is a millionth of the whole, the difference of terms a thousand times
    as large; measured 2e-11.
    """
    plain, phi, tasks = few_step_problem(RULES[rule], outer=outer)
    problem = entangled(plain)
    expected, *others = (
        over_tasks(lambda task, e=e: e(problem, phi, task), 2)(tasks)
        for e in (forward_mode(), unrolled(), recomputed())
    )
    for found in others:
        assert torch.allclose(found.value, expected.value, rtol=1e-12)
        assert norm(plus(found.dphi, expected.dphi, -1)) < 1e-12 * norm(expected.dphi)
        assert max(errors(found.dphi, expected.dphi).values()) < 1e-9


def test_adam_can_start_warm():
    """So that the test above has both kinds of walks."""
    assert [name for name, outer in WALKS if outer] != []


@pytest.mark.parametrize(
    ("rule", "error"),
    [("none", 0), ("sgd", 0), ("asgd", 0), ("momentum", 0.28), ("adagrad", 0.035), ("rmsprop", 0.58), ("adam", 0.68)],
)
def test_algorithm_1_as_printed_is_exact_without_state_and_off_with_it(rule, error):
    """Errors as `recomputed` states them. ASGD's state is a count and a mean, neither of which moves the weights."""
    known = few_steps(RULES[rule])
    found = over_tasks(lambda task: as_printed(known.problem, known.phi, task), 1)(known.tasks)
    missed = norm(plus(found.dphi, known.dphi, -1)) / norm(known.dphi)
    assert float(missed) == pytest.approx(error, rel=0.05, abs=1e-12)
