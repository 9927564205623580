"""What a finished cell says: numbers and the protocol they stand for; no time, date, host or path."""

from collections.abc import Mapping
from typing import Any

from fewshot_bench.learners.base import WEIGHTS, select
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.evaluation import Scores, half_width_95
from fewshot_bench.training.state import TrainingState


def best_epochs(epochs: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The `count` best validated epochs, best first; of equals the earlier. Fewer where fewer were validated."""
    return sorted(epochs, key=lambda record: (-record["val_accuracy"], record["epoch"]))[:count]


def result(
    assembly: Assembly, state: TrainingState, best: list[dict[str, Any]], test: Scores, also: Mapping[str, Scores]
) -> dict[str, Any]:
    """The content of result.json. Accuracies are fractions; test_ci95 is half the width of the interval over tasks.

    also: the same members' scores with another batch norm, by its name.
    """
    return {
        "cell": assembly.cell.id,
        "iterations": state.iteration,
        "parameters": sum(tensor.numel() for tensor in select(state.meta, WEIGHTS).values()),
        "val_accuracy": best[0]["val_accuracy"],
        **_figures(test),
        "ensemble": len(best),
        "ensemble_epochs": [record["epoch"] for record in best],
        "epochs": [{key: value for key, value in record.items() if key != "file"} for record in state.epochs],
        "fingerprint": assembly.fingerprint,
        **{f"test_{batch_norm}": _figures(scores) for batch_norm, scores in also.items()},
    }


def _figures(test: Scores) -> dict[str, float]:
    return {
        "test_accuracy": float(test.accuracy.mean()),
        "test_ci95": half_width_95(test.accuracy),
        "test_loss": float(test.loss.mean()),
    }
