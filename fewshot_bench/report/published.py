"""The published numbers, and where paper, code and originals disagree."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

TABLE_1 = "Gimli arXiv:1910.01727 Table 1"
TABLE_2 = "Gimli arXiv:1910.01727 Table 2"
FIGURES = "Gimli arXiv:1910.01727 Figures 2 and 3"
AS_QUOTED = "MAML++ (Antoniou et al. 2018) as quoted"
COMPARED_LEARNER = "maml++"
"""The learner that is the paper's variant; its headline table is of no other."""

META_STEPS, TASKS_PER_BATCH = 75_000, 8  # config.yaml of the paper's fork: 150 epochs x 500, batch 8


STATED = ("split", "queries", "inner_steps_test", "evaluation_tasks", "ensemble")
"""Columns of paper_numbers.csv on how a number was measured, named as in a cell's fingerprint.

They are filled in for the numbers that stand beside rows of ours, and tests compare the presets with them. `split` is
the nearest split of this package, as in the preset; if either of two may have been used, it names both. Batch norm is
not among them: it decides which published number stands beside a row (published_beside.py).
"""

Stated = Mapping[str, tuple[str, ...] | tuple[int, ...]]
"""Column of STATED -> the values that a cell may have to count as measured alike."""


class Published(NamedTuple):
    """A printed accuracy and its spread, in percent."""

    mean: float
    std: float


class Flag(NamedTuple):
    """A doubt about a printed number. None matches anything."""

    source: str
    text: str
    method: str | None = None
    dataset: str | None = None
    ways: int | None = None
    shots: int | None = None
    backbone: str | None = None
    inner_optimizer: str | None = None


FLAGS = (
    Flag(
        TABLE_1,
        "Quoted by the paper for MAML++, but the row of Meta-SGD: T-NAS (its Table 2) lists Meta-SGD so, "
        "and MAML++ with 99.47 (1-shot) and 99.93 (5-shot).",
        method=AS_QUOTED,
        dataset="omniglot",
        ways=5,
    ),
    Flag(
        TABLE_1,
        "Quoted from another protocol: 15 queries per class, 48 filters, 2 tasks per meta-step, 100 epochs, "
        "no annealing. The paper puts its own rise down to batch norm alone; its published code changed all of these.",
        method=AS_QUOTED,
        dataset="mini-imagenet",
    ),
    Flag(
        TABLE_1,
        "Its inner rates started from 0.1: the 0.01 that its mini-ImageNet configurations name is read by no code.",
        method=AS_QUOTED,
        dataset="mini-imagenet",
    ),
    Flag(
        TABLE_2,
        "Suspect: the paper, and its notebook, print 99.62 and 0.08 for both vgg + Adam and vgg + SGD; "
        "the values by seed are not published.",
        dataset="omniglot",
        ways=5,
        shots=1,
        backbone="vgg",
    ),
    Flag(
        TABLE_2,
        "Which mini-ImageNet split the paper used is not known: its released configuration draws a random one "
        "of the 100 classes (gimli-fork), not the standard one (ravi).",
        dataset="mini-imagenet",
    ),
    Flag(
        TABLE_2,
        "Suspect: in an earlier sweep of the same code (2019-09-09, one seed) vgg + Adam had 32.7 here, and the three "
        "seeds of the printed value spread by 11.64.",
        dataset="mini-imagenet",
        ways=5,
        shots=1,
        backbone="vgg",
        inner_optimizer="adam",
    ),
    Flag(
        FIGURES,
        "The captions say VGG and 20-way 1-shot mini-ImageNet; the text and the notebook say resnet-4 and 20-way "
        "1-shot Omniglot, and no run of 20-way mini-ImageNet is known.",
    ),
)
"""arXiv:1910.01727 against what it quotes and the code it released (bamos/HowToTrainYourMAMLPytorch, 436da889)."""

QUOTED = (
    "Quoted by the paper, not run by it, and another learner than that of the rows below: a rate and norms for each "
    "inner step, where theirs has a rate a tensor.",
    "Its seeds move the training tasks alone: the released code gives all of them the same initial weights.",
    "Derivative-order annealing, one of the features it is known for, is off in every released configuration.",
)
"""Doubts about the whole row of AS_QUOTED (AntreasAntoniou/HowToTrainYourMAMLPytorch, its JSONs and their defaults)."""

BEST_BY_TEST = (
    "The paper chose its best by test accuracy, among the cells with three finished seeds: on Omniglot 20-way 1-shot, "
    "resnet-12 + Adam is not among them, whose two seeds had 99.23 and 99.44."
)


class PublishedNumber(NamedTuple):
    """One line of paper_numbers.csv; mean and spread in percent, spread nan if none was printed.

    protocol: how it was measured, as far as the source states it.
    """

    source: str
    method: str
    dataset: str
    ways: int
    shots: int
    backbone: str
    inner_optimizer: str
    mean: float
    spread: float
    spread_kind: str
    protocol: Stated
    note: str

    @property
    def value(self) -> Published:
        return Published(self.mean, self.spread)


@cache
def numbers() -> tuple[PublishedNumber, ...]:
    """All of paper_numbers.csv."""
    text = files("fewshot_bench.report").joinpath("paper_numbers.csv").read_text(encoding="utf-8")
    return tuple(
        PublishedNumber(
            source=line["source"],
            method=line["method"],
            dataset=line["dataset"],
            ways=int(line["ways"]),
            shots=int(line["shots"]),
            backbone=line["backbone"],
            inner_optimizer=line["inner_optim"],
            mean=float(line["mean"]),
            spread=float(line["spread"] or "nan"),
            spread_kind=line["spread_kind"],
            protocol=_stated(line),
            note=line["note"],
        )
        for line in csv.DictReader(text.splitlines())
    )


def _stated(line: Mapping[str, str]) -> Stated:
    """The columns of STATED that are not empty; a split may be one of several, as in "ravi|gimli-fork"."""
    found = {key: line[key] for key in STATED if line[key]}
    return {key: tuple(text.split("|")) if key == "split" else (int(text),) for key, text in found.items()}


Setting = tuple[str, int, int]
"""Dataset, ways, shots."""


def settings() -> list[Setting]:
    """The settings of the paper's Table 1, in its order."""
    return [(row.dataset, row.ways, row.shots) for row in numbers() if row[:2] == (TABLE_1, AS_QUOTED)]


def quoted(dataset: str, ways: int, shots: int) -> PublishedNumber | None:
    """What the paper's Table 1 quotes for MAML++ of Antoniou et al. 2019."""
    place = (TABLE_1, AS_QUOTED, dataset, ways, shots)
    return next((row for row in numbers() if row[:5] == place), None)


def flags(source: str, **place: str | int) -> tuple[str, ...]:
    """The doubts about a printed number; `place` has any of method, dataset, ways, shots, backbone, inner_optimizer."""
    return tuple(
        flag.text
        for flag in FLAGS
        if flag.source == source and all(getattr(flag, key) in (None, value) for key, value in place.items())
    )
