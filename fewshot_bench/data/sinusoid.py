"""sinusoid: sine waves of random amplitude and phase, drawn and not stored (Finn et al. 2017, section 5.1)."""

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.seeds import seed_for, uniform
from fewshot_bench.data.dataset import Dataset, DrawnTasks
from fewshot_bench.data.splits import SplitSizes
from fewshot_bench.data.tasks import TaskShape

NAMES: dict[str, AboutDataset] = {
    "sinusoid": {
        "title": "sinusoid",
        "regression": True,
        "licence": "none needed, its numbers are drawn",
        "cite": {"finn2017": "the regression of section 5.1"},
        "splits": {"drawn": {"finn2017": "the ranges of amplitude, phase and input"}},
    },
}

_PHASE, _POINTS = np.uint64(1), np.uint64(2)  # counters of a task's numbers, after its amplitude's
_SLOTS = np.uint64(1 << 20)  # counters of a task


def sinusoid(*, largest: float = 5.0, smallest: float = 0.1, widest: float = 5.0) -> Dataset:
    """y = a sin(x - p) with a in [0.1, 5], p in [0, pi] and x in [-5, 5], all uniform; loss: squared error.

    A grid's `ways` is 1, the number of outputs; `shots` are the points to adapt to (K), `queries` those of the outer
    loss. Source: Finn et al. 2017, section 5.1; cbfinn/maml, data_generator.py.

    Args:
        largest: Largest amplitude.
        smallest: Smallest amplitude.
        widest: Inputs lie in [-widest, widest].
    """
    if not 0 <= smallest < largest or not widest > 0:
        raise ValueError("amplitudes have to be 0 <= `smallest` < `largest`, and `widest` above 0.")

    def draw(key: str, indices: NDArray[np.int64], shape: TaskShape) -> DrawnTasks:
        tasks = indices.astype(np.uint64) * _SLOTS
        seed, count = seed_for(key, "sinusoid"), shape.shots + shape.queries
        amplitude = smallest + (largest - smallest) * uniform(seed, tasks)
        phase = np.pi * uniform(seed, tasks + _PHASE)
        points = np.add.outer(tasks + _POINTS, np.arange(count, dtype=np.uint64))
        x = widest * (2.0 * uniform(seed, points) - 1.0)
        y = amplitude[:, None] * np.sin(x - phase[:, None])
        inputs, targets = x.astype(np.float32), y.astype(np.float32)[..., None]
        return DrawnTasks(inputs.reshape(len(indices), count, 1, 1, 1), targets)

    return Dataset(
        name="sinusoid",
        shape=ImageShape(1, 1, 1),
        splits={"drawn": SplitSizes(1, 1, 1)},
        find_raw=lambda path: None,
        layouts="none needed, tasks are drawn",
        title=NAMES["sinusoid"]["title"],
        drawn=True,
        draw_tasks=draw,
        loss="squared-error",
    )
