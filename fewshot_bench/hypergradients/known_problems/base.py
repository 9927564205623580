"""What a problem with a known answer consists of."""

from typing import Any, NamedTuple

from torch import Tensor

from fewshot_bench.hypergradients.implicit import Adapted
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.hypergradients.vectors import norm, plus
from fewshot_bench.inner_optimizers.base import Params


class Known(NamedTuple):
    """A bilevel problem, some tasks, and the answer for each of them; all in float64.

    tasks: tensors with a leading task axis. value: [tasks]; dphi: [tasks, ...] for each name in phi.
    minimum: the weights at which a task's inner gradient is zero, None where they are not known.
    converged: the inner steps end at the minimum but for rounding, so that implicit estimates have to be exact too.
    """

    problem: Bilevel
    phi: Params
    tasks: Any
    value: Tensor
    dphi: Params
    minimum: Adapted | None
    converged: bool


def errors(estimated: Params, known: Params) -> dict[str, float]:
    """Relative error of each entry: |estimated - known| / |known|, Euclidean lengths over all tasks.

    An entry that is zero but for rounding (a learning rate at the minimum) is compared with the length of all of them.
    """
    whole = float(norm(known)) or 1.0
    missed, sizes = plus(estimated, known, -1), {name: float(tensor.norm()) for name, tensor in known.items()}
    return {
        name: float(missed[name].norm()) / (size if size > 1e-12 * whole else whole) for name, size in sizes.items()
    }
