"""A results folder with everything that a page shows: seeds, twins, curves, learned rates, a failed cell."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.report.factory import write_cell, write_hyperparameters

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
"""What no page may run."""

ENVIRONMENT = {
    "python": "3.11.7",
    "torch": "2.15.0",
    "device": "a processor",
    "host": "secret-host",
    "commit": "0abc123",
}
PLAN = {"device": "cpu", "threads": 1, "tasks_at_once": 8, "program": "traced", "workers": 2}
PARAMETERS = ("layer1.conv.weight", "layer1.norm.weight", "layer1.norm.bias", "head.weight", "head.bias")


def with_epochs(folder: Path, accuracies: Sequence[float], every: int = 100) -> Path:
    """Gives a done cell its validation accuracies after `every`, 2 `every`, ... meta-steps."""
    changed(
        folder / "result.json",
        epochs=[
            {"epoch": place, "iteration": place * every, "val_accuracy": value, "val_loss": 0.4}
            for place, value in enumerate(accuracies, start=1)
        ],
    )
    return folder


def changed(path: Path, **values: Any) -> None:
    """Sets keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def write_folder(directory: Path) -> Path:
    """Two networks x two inner optimizers x three seeds, their untrained twins, one cell that failed, one queued."""
    for place, (backbone, optimizer) in enumerate(
        (backbone, optimizer) for backbone in ("vgg", "resnet-4") for optimizer in ("sgd", "adam")
    ):
        for seed in range(3):
            axes: dict[str, Any] = {"backbone": backbone, "inner_optimizer": optimizer, "seed": seed}
            accuracy = 0.98 - 0.01 * place - 0.005 * seed
            folder = write_cell(directory, (accuracy, accuracy, accuracy - 0.01, accuracy + 0.01), **axes)
            with_epochs(folder, [0.7 + 0.05 * seed - 0.04 * place, 0.9 - 0.02 * place, accuracy])
            changed(folder / "status.json", environment=ENVIRONMENT, plan=PLAN, started="2026-01-02T03:04:05+00:00")
            _write_rates(folder, ("lr",) if optimizer == "sgd" else ("lr", "beta1"))
            write_cell(directory, (0.5, 0.6, 0.4, 0.5), training={"iterations": 0}, val_accuracy=0.5, **axes)
    write_cell(directory, status="failed", reason=f"{SCRIPT} the loss is not a number at meta-step 7", seed=7)
    write_cell(directory, status="queued", seed=8, learner=f'x"{SCRIPT}', name="odd")
    return directory


def _write_rates(folder: Path, names: Sequence[str]) -> None:
    for step in range(2):
        values = {
            (name, parameter): [0.1 * (1 + place * time * (step + 1) / 20) for time in range(7)]
            for name in names
            for place, parameter in enumerate(PARAMETERS)
        }
        write_hyperparameters(folder, values, inner_step=step)
