"""A cell: all settings of one trained and evaluated learner. It is frozen; its hash is in its folder's name."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

DEFAULTS = "defaults"
"""The table of a cell's config.toml that is for readers and is not hashed."""

RECIPE = 1
"""The version of the computation. It is raised if the same settings mean another computation, so old results differ."""

AXES = ("dataset", "split", "ways", "shots", "learner", "backbone", "inner_optimizer", "seed")

NO_INNER_OPTIMIZER = "none"
"""The inner optimizer of learners without an inner loop, whatever the grid names."""

_ONLY_TRAINING: dict[str, Any] = {"only_training": True}  # of no concern to a cell with 0 iterations


def content_hash(content: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of SHA-256 over the canonical JSON of a configuration without its table of defaults."""
    hashed = {key: value for key, value in content.items() if key != DEFAULTS}
    canonical = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The outer loop. Defaults: config.yaml of the paper's fork (bamos/HowToTrainYourMAMLPytorch, 436da889)."""

    iterations: int = 75_000
    """Meta-steps (150 epochs x 500). 0: the untrained network, evaluated."""

    iterations_per_epoch: int = field(default=500, metadata=_ONLY_TRAINING)
    """Meta-steps between two validations."""

    tasks_per_batch: int = field(default=8, metadata=_ONLY_TRAINING)
    """Tasks whose gradients one meta-step averages."""

    ways: int | None = field(default=None, metadata=_ONLY_TRAINING)
    """Classes of a training task; absent: the cell's `ways`. For learners that do not need them to be equal."""

    shots: int | None = field(default=None, metadata=_ONLY_TRAINING)
    """Support images a class in training; absent: the cell's `shots`."""

    queries: int = 1
    """Query images a class. With transductive batch norm, fewer are easier: one balanced query a class is easiest."""

    inner_steps: int = 5
    """Steps of adaptation to the support set."""

    init_seed: int | None = None
    """Seed of the initial weights; absent: the cell's `seed`. The fork's runs share 0."""

    rotations: Literal["dataset", "train", "none"] = field(default="dataset", metadata=_ONLY_TRAINING)
    """Quarter turns by class and task: in training tasks, nowhere, or as the dataset's published protocol has it."""

    augmentation: Literal["crop-jitter-flip"] | None = field(default=None, metadata=_ONLY_TRAINING)
    """Random crops, colour jitter and flips of training images (Chen et al. 2019); absent: none."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Validation after each epoch, and the one test at the end."""

    tasks: int = 600
    """Tasks of validation, and as many of test."""

    seed: int = 0
    """Which validation and test tasks: the same for every learner and training seed."""

    ensemble: int = 5
    """Test is by the mean logits of this many epochs, the best by validation (fewer where fewer were validated)."""

    queries: int | None = None
    """Query images a class in validation and test; absent: as in training."""

    inner_steps: int | None = None
    """Steps of adaptation in validation and test; absent: as in training."""

    both_batch_norms: bool = False
    """Test once more with the batch norm that the learner is not trained with: its own row in the table."""

    dataset: str | None = None
    """Dataset of validation and test tasks, with images of the same shape; absent: the one of training."""

    split: str | None = None
    """Class split of that other dataset; absent: its first."""


OPTIONS = (
    "dataset_options",
    "learner_options",
    "backbone_options",
    "inner_optimizer_options",
    "test_dataset_options",
)
"""The fields of a cell that hold options."""

Options = tuple[tuple[str, Any], ...]
"""Options of a dataset, learner, backbone or inner optimizer that differ from its defaults: (name, value), by name."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a grid."""

    dataset: str
    split: str
    ways: int
    shots: int
    learner: str
    backbone: str
    inner_optimizer: str
    seed: int
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    dataset_options: Options = ()
    learner_options: Options = ()
    backbone_options: Options = ()
    inner_optimizer_options: Options = ()
    test_dataset_options: Options = ()

    @property
    def id(self) -> str:
        """The name of the cell's folder: a readable prefix and the hash."""
        words = (self.dataset, f"{self.ways}w{self.shots}s", self.learner, self.backbone, self.inner_optimizer)
        readable = "-".join(re.sub(r"[^A-Za-z0-9.+]+", "-", word).strip("-") for word in words)
        return f"{readable}-seed{self.seed}-{self.training.iterations}it-{content_hash(concerns(self))}"

    @property
    def init_seed(self) -> int:
        return self.seed if self.training.init_seed is None else self.training.init_seed

    @property
    def train_ways(self) -> int:
        return self.ways if self.training.ways is None else self.training.ways

    @property
    def train_shots(self) -> int:
        return self.shots if self.training.shots is None else self.training.shots

    @property
    def test_queries(self) -> int:
        return self.training.queries if self.evaluation.queries is None else self.evaluation.queries

    @property
    def test_dataset(self) -> str:
        return self.dataset if self.evaluation.dataset is None else self.evaluation.dataset

    @property
    def test_split(self) -> str:
        return self.split if self.evaluation.split is None else self.evaluation.split

    @property
    def test_steps(self) -> int:
        return self.training.inner_steps if self.evaluation.inner_steps is None else self.evaluation.inner_steps


def concerns(cell: Cell) -> dict[str, Any]:
    """The settings that the cell's hash covers: its axes, and all others that are not at their defaults."""
    content: dict[str, Any] = {"recipe": RECIPE} | {axis: getattr(cell, axis) for axis in AXES}
    for name, section in (("training", cell.training), ("evaluation", cell.evaluation)):
        values = {f.name: (getattr(section, f.name), f.default) for f in dataclasses.fields(section)}
        content[name] = {key: value for key, (value, default) in values.items() if value != default}
    for name in OPTIONS:
        content[name] = dict(getattr(cell, name))
    return {key: value for key, value in content.items() if value != {}}


def without_what_does_not_concern(cell: Cell, dataset_rotates: bool, inner_loop: bool) -> Cell:
    """The cell with every setting that does not affect it at its default, so that equal computations have one hash.

    dataset_rotates: whether rotations = "dataset" means rotations for the cell's dataset. inner_loop: whether its
    learner has an inner loop.
    """
    training, evaluation = cell.training, cell.evaluation
    if not inner_loop:
        cell = replace(cell, inner_optimizer=NO_INNER_OPTIMIZER, inner_optimizer_options=())
        training = replace(training, inner_steps=Training.inner_steps)
        evaluation = replace(evaluation, inner_steps=None)
    if (training.rotations == "train") == dataset_rotates:
        training = replace(training, rotations="dataset")
    if training.init_seed == cell.seed:
        training = replace(training, init_seed=None)
    if training.ways == cell.ways:
        training = replace(training, ways=None)
    if training.shots == cell.shots:
        training = replace(training, shots=None)
    if evaluation.queries == training.queries:
        evaluation = replace(evaluation, queries=None)
    if evaluation.inner_steps == training.inner_steps:
        evaluation = replace(evaluation, inner_steps=None)
    if training.iterations == 0:
        idle: dict[str, Any] = {
            f.name: f.default for f in dataclasses.fields(training) if f.metadata.get("only_training")
        }
        training, evaluation = replace(training, **idle), replace(evaluation, ensemble=Evaluation.ensemble)
    return replace(cell, training=training, evaluation=evaluation)
