"""A cell and a grid that train in a second: a test names what matters to it, and takes the rest from here."""

import copy
import re
from typing import Any

import tomli_w

from fewshot_bench.cells.cell import Cell, Evaluation, Training

TRAINING = {"iterations": 4, "iterations_per_epoch": 2, "tasks_per_batch": 2, "inner_steps": 2}
EVALUATION = {"tasks": 12, "ensemble": 2}
SMALL = "tests.training.networks:small"
"""A network of one convolution, without options."""


def tiny_cell(training: dict[str, Any] | None = None, evaluation: dict[str, Any] | None = None, **changes: Any) -> Cell:
    """A cell of few meta-steps on Omniglot. A vgg has 4 filters unless `backbone_options` says otherwise.

    Args:
        training: Settings of Training that matter to the test.
        evaluation: Settings of Evaluation that matter to the test.
        changes: Other fields of Cell.
    """
    fields: dict[str, Any] = {
        "dataset": "omniglot",
        "split": "gimli",
        "ways": 3,
        "shots": 1,
        "learner": "maml++",
        "backbone": "vgg",
        "inner_optimizer": "sgd",
        "seed": 0,
    } | changes
    if fields["backbone"] == "vgg":
        fields.setdefault("backbone_options", (("filters", 4),))
    return Cell(
        **fields,
        training=Training(**TRAINING | (training or {})),
        evaluation=Evaluation(**EVALUATION | (evaluation or {})),
    )


def tiny_grid(**changes: Any) -> dict[str, Any]:
    """The content of a grid file with one cell, `tiny_cell()`. A vgg has 4 filters unless `backbones` says otherwise.

    Args:
        changes: By section, the keys to change or add; `cells` replaces the list of [[cells]].
    """
    content: dict[str, Any] = {
        "grid": {
            "dataset": ["omniglot"],
            "ways": [3],
            "shots": [1],
            "learner": ["maml++"],
            "backbone": ["vgg"],
            "inner_optimizer": ["sgd"],
        },
        "training": dict(TRAINING),
        "evaluation": dict(EVALUATION),
    }
    for section, values in copy.deepcopy(changes).items():
        content[section] = values if isinstance(values, list) else content.get(section, {}) | values
    if "vgg" in content["grid"]["backbone"]:
        content.setdefault("backbones", {}).setdefault("vgg", {"filters": 4})
    return content


def tiny_toml(**changes: Any) -> str:
    """`tiny_grid(**changes)` as the text of a grid file."""
    return tomli_w.dumps(tiny_grid(**changes))


def shortened(script: str) -> str:
    """A page's commands, whose grid file asks for 2 epochs of one meta-step with one task, and for 4 test tasks."""
    few = {"iterations": "2", "iterations_per_epoch": "1", "tasks": "4"}
    for key, value in few.items():
        script, found = re.subn(rf"^{key} = \d+", f"{key} = {value}", script, flags=re.MULTILINE)
        assert found == 1, key
    script = re.sub(r"^tasks_per_batch = .*\n", "", script, flags=re.MULTILINE)
    return script.replace("\n[training]\n", "\n[training]\ntasks_per_batch = 1\n")
