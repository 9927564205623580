"""One meta-step: the mean of the tasks' gradients moves the meta-parameters."""

import math

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.state import TrainingState, outer_state, update

HINT = "A lower learning rate may help, or a network without infinite derivatives."


def meta_step(assembly: Assembly, state: TrainingState) -> dict[str, float]:
    """Takes the next batch of tasks and updates `state`; returns the metrics, means over the batch.

    Raises CellError where a metric or a gradient is not finite: nothing was updated then.
    """
    settings, learner, parts = assembly.cell.training, assembly.learner, assembly.parts
    epoch = state.iteration // settings.iterations_per_epoch
    outer = outer_state(state)
    first = state.iteration * settings.tasks_per_batch
    tasks = assembly.streams.train(first, first + settings.tasks_per_batch)
    gradients, metrics = over_tasks(
        lambda task: learner.meta_gradient(parts, state.meta, outer, task, steps=settings.inner_steps, epoch=epoch),
        assembly.plan.tasks_at_once,
    )(tasks)
    values = {name: float(value.mean()) for name, value in metrics.items()}
    mean = {name: g.mean(0) for name, g in gradients.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise CellError(f"the {name} is {value} at meta-step {state.iteration + 1}. {HINT}")
    for name, g in mean.items():
        if not bool(g.isfinite().all()):
            raise CellError(f"the meta-gradient of {name} is not finite at meta-step {state.iteration + 1}. {HINT}")
    gradient = learner.clip(parts, mean)
    rate = learner.meta_rate(epoch, settings.iterations / settings.iterations_per_epoch)
    update(state, gradient, rate, lambda meta: learner.bound(parts, meta))
    return {**values, "meta_rate": rate}
