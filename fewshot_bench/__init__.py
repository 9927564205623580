"""Few-shot meta-learning as one grid: learners x backbones x inner optimizers x seeds.

The names below are for notebooks and programs; docs/tutorial.md goes through them. Each loads when it is first asked
for, so that importing the package takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot_bench.basics.errors import BenchError
    from fewshot_bench.library.adapting import adapt
    from fewshot_bench.library.episodes import sample_task
    from fewshot_bench.library.evaluating import evaluate_cell
    from fewshot_bench.library.figures import plot_learned
    from fewshot_bench.library.grids import run_grid
    from fewshot_bench.library.loading import load_cell
    from fewshot_bench.library.pools import open_pool
    from fewshot_bench.library.preparing import prepare_images
    from fewshot_bench.library.sensitivity import sensitivity

__all__ = [
    "BenchError",
    "adapt",
    "evaluate_cell",
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
    "adapt": "library.adapting",
    "evaluate_cell": "library.evaluating",
    "load_cell": "library.loading",
    "open_pool": "library.pools",
    "plot_learned": "library.figures",
    "prepare_images": "library.preparing",
    "run_grid": "library.grids",
    "sample_task": "library.episodes",
    "sensitivity": "library.sensitivity",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        """A public name, loaded now (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
