"""What a learner does with a network, whichever it is: counted on three layers that stand in for all.

Every product that a learner asks of a network is linear in what a pass of an image through one of its layers takes, and
a layer is one of three kinds: one that sees the images, which need no gradient; the head, which some learners adapt
alone; any other. So FLOP of a task are a sum of three products for any network. They equal what is counted on the
network itself (tests/training/test_passes.py), in a small part of the time.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from torch import Tensor, nn

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.inner_optimizers.sgd import sgd
from fewshot_bench.learners.base import Learner, Parts
from fewshot_bench.learners.model import build
from fewshot_bench.training.arithmetic import Asked, Network, any_task, counted, of_learner, peak_bytes

_SIZES = 101, 103, 107  # channels of the stand-in's images and layers: primes, so that FLOP tell whose they are
_WIDE, _THICK = 4096, 256  # pixels, and channels, where activations and where weights are nearly all there is
_BYTES = 4  # of a float32
_RULE = sgd()  # for every inner optimizer: none of them takes a product


class Passes(NamedTuple):
    """What one task takes, of one learner.

    first, others: passes of one image through such layers, those back counted as well; features: FLOP for each number
    that the head is given; products: of matrices, for each layer.
    """

    first: float
    others: float
    features: float
    products: float


class Held(NamedTuple):
    """What is alive at one time, at most, for one task: so many images' activations, so many copies of the weights."""

    images: float
    copies: float


class Episode(NamedTuple):
    """What a learner meets: the shape of a task, its dataset's name, and how many classes tasks draw from."""

    ways: int
    shots: int
    queries: int
    dataset: str
    classes: int


def passes(learner: Learner, episode: Episode, asked: Asked) -> Passes:
    """Raises whatever a learner raises that cannot do with three layers."""
    a, b, c = _SIZES
    products = counted(_asked_of(learner, episode, asked, a, b, c)).products
    first = [one for one in products if one % a == 0]
    others = [one for one in products if one % a and one % b == 0]
    return Passes(
        first=sum(first) / (2 * a * b),
        others=sum(others) / (2 * b * c),
        features=(sum(products) - sum(first) - sum(others)) / c,
        products=len(products) / 3,
    )


def held(learner: Learner, rule: InnerOptimizer, episode: Episode, asked: Asked) -> Held:
    """As `passes`, of memory. Activations and weights are counted apart: at most so many of either."""
    wide = peak_bytes(_asked_of(learner, episode, asked, 1, 1, 1, _WIDE, rule))
    thick = peak_bytes(_asked_of(learner, episode, asked, _THICK, _THICK, 1, 1, rule))
    return Held(images=wide / (2 * _WIDE * _BYTES), copies=thick / (_THICK**2 * _BYTES))


def by_epoch(learner: Learner, episode: Episode, steps: int, count: int) -> list[tuple[range, Passes]]:
    """What a task's meta-gradient takes in the first `count` epochs, in runs of epochs that take the same.

    What is the same in two epochs is taken to be the same in all between them.
    """
    marks = [epoch for epoch in range(count) if epoch == 0 or learner.phase(epoch) != learner.phase(epoch - 1)]

    @cache
    def value(index: int) -> Passes:
        return passes(learner, episode, Asked(steps, marks[index]))

    def changes(low: int, high: int) -> list[int]:
        """Indices above `low`, up to `high`, where another kind begins."""
        if value(low) == value(high):
            return []
        if high - low == 1:
            return [high]
        middle = high - 1 if value(high - 1) == value(low) else (low + high) // 2  # the last phase is often its own
        return changes(low, middle) + changes(middle, high)

    kinds = [0, *changes(0, len(marks) - 1)]
    ends = [*(marks[index] for index in kinds[1:]), count]
    return [(range(marks[index], end), value(index)) for index, end in zip(kinds, ends, strict=True)]


def flop(network: Network, task: Passes) -> float:
    """FLOP of one task."""
    return task.first * network.first + task.others * network.others + task.features * network.features


class _StandIn(nn.Module):
    """Two layers, each on every pixel by itself, and a head. Images: [n, 1, pixels, channels]."""

    def __init__(self, channels: int, hidden: int, features: int, ways: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels, hidden, bias=False)
        self.other = nn.Linear(hidden, features, bias=False)
        self.head = nn.Linear(features, ways)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.other(self.first(x)).mean((1, 2)))
        return logits


def _asked_of(
    learner: Learner,
    episode: Episode,
    asked: Asked,
    a: int,
    b: int,
    c: int,
    pixels: int = 1,
    rule: InnerOptimizer = _RULE,
) -> Callable[[], Any]:
    """What a learner is asked, of a stand-in with so many channels."""
    ways = episode.ways
    model = build(lambda: _StandIn(a, b, c, ways), ways, seed=0)
    task = any_task(ImageShape(1, pixels, a), ways, episode.shots, episode.queries, "cpu")
    return of_learner(learner, Parts(model, rule, episode.classes), task, asked)
