"""FLOP, memory and numbers written by a network and a learner, counted from shapes: the same on every machine.

Convolutions and products of matrices count, and their derivatives of every order; a multiplication and an addition are
two operations (FLOP). Norms, activations, pooling, losses and inner optimizers are left out: less than a hundredth as
many, whose time goes by the memory that they read and write.

A network is counted by one pass of two images, a learner on a network of three layers that stands in for any other:
every product that a learner asks of a network is linear in what a pass of an image through one of its layers takes, and
a layer is one of three kinds. It sees the images, which need no gradient; or it is the head, which some learners adapt
alone; or it is any other. So FLOP of a task are a sum of three products for any network. They equal what is counted on
the network itself (tests/training/test_arithmetic.py), in a small part of the time.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import grad

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.batching import tree_leaves
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState
from fewshot_bench.inner_optimizers.sgd import sgd
from fewshot_bench.learners.base import BatchNorm, Learner, Parts, Stage
from fewshot_bench.learners.model import Model, build
from fewshot_bench.training.programs.torch_internals import flop_of, operations_seen

NOWHERE = "meta"
"""torch's device of tensors without numbers."""

_IMAGES = 2  # passed through a network together: one alone is a special case to some layers
_SIZES = 101, 103, 107  # channels of the stand-in's images and layers: primes, so that FLOP tell whose they are
_WIDE, _THICK = 4096, 256  # pixels, and channels, where activations and where weights are nearly all there is
_BYTES = 4  # of a float32
_RULE = sgd()  # for every inner optimizer: none of them takes a product


class Counted(NamedTuple):
    """What the operations of a computation take.

    products: FLOP of each convolution and product of matrices; written: numbers that came out of all operations; peak:
    most bytes that were alive at one time of what they made.
    """

    products: list[int]
    written: int
    peak: int

    @property
    def flop(self) -> int:
        return sum(self.products)


class Network(NamedTuple):
    """What a pass of one image through a network takes.

    first: FLOP of the layers that see the image itself, which needs no gradient; others: of all other layers but the
    head; features: numbers that the head is given, 0 if there is no head; written: numbers that operations write.
    weights, tensors: how many numbers are learned, in how many tensors.
    """

    first: float
    others: float
    features: int
    written: float
    weights: int
    tensors: int


class Shape(NamedTuple):
    """The shape of a task, and how many classes tasks draw from."""

    ways: int
    shots: int
    queries: int
    classes: int


class Asked(NamedTuple):
    """What a learner is asked of a task. steps: of the inner loop; epoch: of training.

    predict: for the queries' logits, normalised so; None: for the meta-gradient.
    """

    steps: int
    epoch: int
    predict: BatchNorm | None = None


class Passes(NamedTuple):
    """What a learner takes for one task.

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


def counted(work: Callable[[], Any]) -> Counted:
    """What the operations of `work()` take. It is carried out, so its tensors should be small, or have no numbers."""
    counter = _Counter()
    with operations_seen(counter.look):
        work()
    return Counted(counter.products, counter.written, counter.peak)


def of_network(model: Model, image: ImageShape, ways: int) -> Network:
    """model: on the device NOWHERE. Raises whatever a network raises that cannot do without numbers.

    Forward is one pass; its derivatives by all weights are two more, but for those by the images themselves.
    """
    x = torch.empty(_IMAGES, *image, device=NOWHERE)
    with torch.no_grad():
        forward = counted(lambda: model.apply(model.weights, x, None))
    both = counted(lambda: grad(lambda weights: model.apply(weights, x, None).sum())(model.weights))
    first = max(0, min(forward.flop, 3 * forward.flop - both.flop))
    features = max((model.weights[name].shape[-1] for name in model.head if model.weights[name].dim() == 2), default=0)
    head = 2 * _IMAGES * features * ways
    if first + head > forward.flop:  # the network is its head
        features = head = 0
    return Network(
        first=first / _IMAGES,
        others=(forward.flop - first - head) / _IMAGES,
        features=features,
        written=forward.written / _IMAGES,
        weights=sum(weight.numel() for weight in model.weights.values()),
        tensors=len(model.weights),
    )


def passes(learner: Learner, shape: Shape, asked: Asked) -> Passes:
    """Raises whatever a learner raises that cannot do with three layers."""
    a, b, c = _SIZES
    products = counted(_on_stand_in(learner, _RULE, shape, asked, (a, b, c), pixels=1)).products
    first = [one for one in products if one % a == 0]
    others = [one for one in products if one % a and one % b == 0]
    return Passes(
        first=sum(first) / (2 * a * b),
        others=sum(others) / (2 * b * c),
        features=(sum(products) - sum(first) - sum(others)) / c,
        products=len(products) / 3,
    )


def flop(network: Network, task: Passes) -> float:
    """FLOP of one task."""
    return task.first * network.first + task.others * network.others + task.features * network.features


def held(learner: Learner, rule: InnerOptimizer, shape: Shape, asked: Asked) -> Held:
    """As `passes`, of memory. Activations and weights are counted apart: at most so many of either."""
    wide = counted(_on_stand_in(learner, rule, shape, asked, (1, 1, 1), _WIDE)).peak
    thick = counted(_on_stand_in(learner, rule, shape, asked, (_THICK, _THICK, 1), pixels=1)).peak
    return Held(images=wide / (2 * _WIDE * _BYTES), copies=thick / (_THICK**2 * _BYTES))


def by_epoch(learner: Learner, shape: Shape, steps: int, count: int) -> list[tuple[range, Passes]]:
    """What a task's meta-gradient takes in the first `count` epochs, in runs of epochs that take the same.

    What is the same in two epochs is taken to be the same in all between them.
    """
    marks = [epoch for epoch in range(count) if epoch == 0 or learner.phase(epoch) != learner.phase(epoch - 1)]

    @cache
    def value(index: int) -> Passes:
        return passes(learner, shape, Asked(steps, marks[index]))

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


def of_learner(
    learner: Learner, parts: Parts, image: ImageShape, shape: Shape, asked: Asked, device: str = "cpu"
) -> Callable[[], Any]:
    """What a learner is asked of one task of blank images, to be carried out. parts: on the CPU, and moved from it."""
    meta, memory = _moved(learner.start(parts, asked.steps), device), _moved(learner.memory(parts), device)
    weights = _moved(parts.model.weights, device)
    there = parts._replace(model=parts.model._replace(weights=weights))
    stage = Stage(OuterState(weights, weights, torch.zeros((), device=device)), memory, asked.steps, asked.epoch)

    def batch(per_class: int) -> Batch:
        labels = torch.arange(shape.ways, device=device).repeat_interleave(per_class)
        return Batch(torch.zeros(len(labels), *image, device=device), labels)

    classes, key = torch.arange(shape.ways, device=device), torch.zeros((), dtype=torch.int64, device=device)
    task, batch_norm = Task(batch(shape.shots), batch(shape.queries), classes, key), asked.predict
    if batch_norm is None:
        return lambda: learner.meta_gradient(there, meta, stage, task)
    return lambda: learner.predict(there, meta, stage, task, batch_norm)


def _on_stand_in(
    learner: Learner, rule: InnerOptimizer, shape: Shape, asked: Asked, channels: tuple[int, int, int], pixels: int
) -> Callable[[], Any]:
    model = build(lambda: _StandIn(*channels, shape.ways), shape.ways, seed=0)
    parts = Parts(model, rule, shape.classes)
    return of_learner(learner, parts, ImageShape(1, pixels, channels[0]), shape, asked)


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


class _Counter:
    def __init__(self) -> None:
        self.products: list[int] = []
        self.written = self.peak = self._now = 0
        self._known: set[int] = set()

    def look(self, operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        """Adds what an operation takes."""
        found = flop_of(operation, args, kwargs, result)
        if found is not None:
            self.products.append(found)
        if not operation.is_view:
            for tensor in tree_leaves(result):
                if isinstance(tensor, Tensor):
                    self.written += tensor.numel()
                    self._made(tensor.untyped_storage())

    def _made(self, storage: torch.UntypedStorage) -> None:
        place, size = id(storage), storage.nbytes()  # one object for a storage, as long as there is a tensor of it
        if place not in self._known:  # else it was written into
            self._known.add(place)
            self._now += size
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._gone, place, size)

    def _gone(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _moved(tensors: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
