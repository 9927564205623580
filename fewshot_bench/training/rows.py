"""Rows of the tables that a cell writes: what it learned beside the weights, and how it did on each task."""

from typing import Any

from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.evaluation import Scores
from fewshot_bench.training.state import TrainingState


def learned(assembly: Assembly, state: TrainingState, epoch: int) -> list[dict[str, Any]]:
    """Rows of hyperparameters.parquet: what is learned beside the weights; inner_step -1: the same at all steps."""
    rows = []
    for key, value in assembly.learner.learned(assembly.parts, state.meta).items():
        hyperparameter, parameter = key.split("/", 1)
        place = {"iteration": state.iteration, "epoch": epoch}
        name = {"parameter": parameter, "hyperparameter": hyperparameter}
        numbers = enumerate(value.tolist()) if value.dim() else [(-1, float(value))]
        rows += [place | {"inner_step": step} | name | {"value": number} for step, number in numbers]
    return rows


def by_task(split: str, iteration: int, scores: Scores) -> list[dict[str, Any]]:
    """Rows of episodes.parquet."""
    pairs = zip(scores.accuracy.tolist(), scores.loss.tolist(), strict=True)
    return [
        {"split": split, "iteration": iteration, "task": task, "accuracy": accuracy, "loss": loss}
        for task, (accuracy, loss) in enumerate(pairs)
    ]
