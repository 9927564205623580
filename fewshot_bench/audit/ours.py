"""The package's estimators as implementations: in one program over all tasks, or one task after another."""

from fewshot_bench.audit.problem import Implementation, Problem, each, mean
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Estimator
from fewshot_bench.inner_optimizers.base import Params


def one_by_one(estimator: Estimator) -> Implementation:
    return lambda problem: mean([estimator(problem.bilevel, problem.phi, task).dphi for task in each(problem.tasks)])


def vmapped(estimator: Estimator) -> Implementation:
    """vmap around the gradient, as the package trains."""

    def run(problem: Problem) -> Params:
        at_once = over_tasks(lambda task: estimator(problem.bilevel, problem.phi, task).dphi, len(each(problem.tasks)))
        return {name: tensor.mean(0) for name, tensor in at_once(problem.tasks).items()}

    return run
