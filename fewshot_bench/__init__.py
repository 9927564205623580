"""Few-shot meta-learning as one grid: learners x backbones x inner optimizers x seeds.

The names below are for notebooks and programs; docs/tutorial.md goes through them. Each loads when it is first asked
for, so that importing the package takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot_bench.api.adapting import adapt
    from fewshot_bench.api.evaluating import evaluate_cell
    from fewshot_bench.api.figures import plot_learned
    from fewshot_bench.api.grids import run_grid
    from fewshot_bench.api.importing import import_images
    from fewshot_bench.api.loading import load_cell
    from fewshot_bench.api.pools import open_pool
    from fewshot_bench.api.preparing import prepare_images
    from fewshot_bench.api.sensitivity import sensitivity
    from fewshot_bench.api.tasks import sample_task
    from fewshot_bench.basics.errors import BenchError

__all__ = [
    "BenchError",
    "adapt",
    "evaluate_cell",
    "import_images",
    "load_cell",
    "open_pool",
    "plot_learned",
    "prepare_images",
    "run_grid",
    "sample_task",
    "sensitivity",
]

_HOMES = {
    "BenchError": "basics.errors",
    "adapt": "api.adapting",
    "evaluate_cell": "api.evaluating",
    "import_images": "api.importing",
    "load_cell": "api.loading",
    "open_pool": "api.pools",
    "plot_learned": "api.figures",
    "prepare_images": "api.preparing",
    "run_grid": "api.grids",
    "sample_task": "api.tasks",
    "sensitivity": "api.sensitivity",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        """A public name, loaded now (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
