"""One meta-step: the mean of the tasks' gradients moves the meta-parameters."""

import math

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.state import TrainingState, outer_state, update


def meta_step(assembly: Assembly, state: TrainingState) -> dict[str, float]:
    """Takes the next batch of tasks and updates `state`; returns the metrics, means over the batch.

    Raises CellError where a metric is not finite: nothing was updated then.
    """
    settings, learner, parts = assembly.cell.training, assembly.learner, assembly.parts
    epoch = state.iteration // settings.iterations_per_epoch
    outer = outer_state(state)
    first = state.iteration * settings.tasks_per_batch
    tasks = assembly.streams.train(first, first + settings.tasks_per_batch)
    gradients, metrics = over_tasks(
        lambda task: learner.meta_gradient(parts, state.meta, outer, task, steps=settings.inner_steps, epoch=epoch),
        assembly.plan.layout,
    )(tasks)
    values = {name: float(value.mean()) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise CellError(f"{name} is {value} at meta-step {state.iteration + 1}. A lower learning rate may help.")
    gradient = learner.clip(parts, {name: g.mean(0) for name, g in gradients.items()})
    rate = learner.meta_rate(epoch, settings.iterations / settings.iterations_per_epoch)
    update(state, gradient, rate, lambda meta: learner.bound(parts, meta))
    return {**values, "meta_rate": rate}
