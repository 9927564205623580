"""What is measured: a meta-step's work, in words. Imports no torch."""

import os
from typing import NamedTuple

from fewshot_bench.data.datasets import dataset_named

BACKBONES = ("vgg", "resnet-4", "densenet-8")
SHAPES = ("omniglot", "mini-imagenet")
TASKS_OF = ((5, 1), (5, 5), (20, 1))
"""(ways, shots)."""

RULES = ("sgd", "adam")

RATES = {"sgd": 0.002, "adam": 0.00005}
"""Inner learning rates. How long a step takes does not depend on them, but how far rounding carries does: at 0.01 two
float32 programs for the same densenet-8 come to losses that differ by 2e-5, since units pass their kinks.
"""


class Setting(NamedTuple):
    """The work of one meta-step: the gradient of MAML's mean query loss after `steps` inner steps.

    backbone: a name of the package or an import path. shape: the dataset whose image shape is taken. rule: "sgd", or
    "adam" with betas 0.5 and fresh moments. replicas: trainings that differ in their initial weights and their tasks.
    """

    backbone: str
    shape: str
    ways: int
    shots: int
    rule: str
    queries: int = 1
    steps: int = 5
    tasks: int = 8
    replicas: int = 1
    precision: str = "float32"
    device: str = "cpu"

    @property
    def words(self) -> str:
        return f"{self.backbone} {self.shape} {self.ways}-way {self.shots}-shot {self.rule}"


def tasks_for(shape: str, ways: int, shots: int) -> int:
    """Tasks a meta-step, so that it stays in seconds on two CPU cores; the same for all libraries."""
    image = dataset_named(shape).shape
    if image.height * image.width <= 32 * 32:
        return 8
    return 4 if ways * shots <= 5 else 2


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
