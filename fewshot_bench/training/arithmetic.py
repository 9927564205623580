"""FLOP, memory and numbers written of a network and a learner. They follow from shapes, so all machines count the same.

Convolutions and products of matrices count, and their derivatives of every order. A multiplication and an addition are
two operations (FLOP). Norms, activations, pooling, losses and inner optimizers are left out: they take less than a
hundredth of the FLOP, and their time depends on the memory that they read and write.

A network is counted by one pass of two images. A learner is counted on a stand-in network of three layers, one of each
kind: a layer that sees the images, which need no gradient; the head, which some learners adapt alone; any other layer.
The FLOP of a learner are linear in those of one pass of an image through each kind of layer. So the FLOP of a task are
a sum of three products for any network. They equal the FLOP counted on the network itself
(tests/training/test_arithmetic.py), in a small part of the time.
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
from fewshot_bench.training.programs.torch_internals import after_each_operation, flop_of

META_DEVICE = "meta"
"""torch's device of tensors without numbers."""

_IMAGES = 2  # passed through a network together: one alone is a special case to some layers
_SIZES = 101, 103, 107  # channels of the stand-in's images and layers: primes, so that FLOP identify their layer
_WIDE, _THICK = 4096, 256  # pixels with which activations are nearly all memory, and channels with which weights are
_BYTES = 4  # of a float32
_RULE = sgd()  # stands for every inner optimizer: none computes a product


class OperationCounts(NamedTuple):
    """Costs of the operations of a computation.

    products: FLOP of each convolution and product of matrices. written: numbers in the results of all operations. peak:
    the largest number of bytes of these results that were in memory at one time.
    """

    products: list[int]
    written: int
    peak: int

    @property
    def flop(self) -> int:
        return sum(self.products)


class NetworkCost(NamedTuple):
    """Costs of a pass of one image through a network.

    first: FLOP of the layers that see the image, which needs no gradient. others: FLOP of all other layers but the
    head. features: inputs of the head, 0 if there is none. written: numbers that operations write. weights, tensors:
    the number of learned values, and of the tensors that hold them.
    """

    first: float
    others: float
    features: int
    written: float
    weights: int
    tensors: int


class Shape(NamedTuple):
    """The shape of a task, and the number of classes that tasks draw from."""

    ways: int
    shots: int
    queries: int
    classes: int


class LearnerCall(NamedTuple):
    """A call of a learner for one task. steps: of the inner loop; epoch: of training.

    predict: the batch norm with which it predicts the queries; None: it computes the meta-gradient.
    """

    steps: int
    epoch: int
    predict: BatchNorm | None = None


class TaskCost(NamedTuple):
    """Costs of a learner for one task.

    first, others: passes of one image through such layers, forward and backward. features: FLOP for each input of the
    head. products: products of matrices for each layer.
    """

    first: float
    others: float
    features: float
    products: float


class PeakMemory(NamedTuple):
    """The largest memory of one task, as a number of images' activations and a number of copies of the weights."""

    images: float
    copies: float


def count_operations(work: Callable[[], Any]) -> OperationCounts:
    """The costs of the operations of `work()`. They run, so tensors should be small or on META_DEVICE."""
    counter = _Counter()
    with after_each_operation(counter.count):
        work()
    return OperationCounts(counter.products, counter.written, counter.peak)


def network_cost(model: Model, image: ImageShape, ways: int) -> NetworkCost:
    """The costs of a network. model: on META_DEVICE. Raises any error of a network that needs the numbers of tensors.

    The forward pass is one pass. The derivatives by all weights are two more, without the gradient for the images.
    """
    x = torch.empty(_IMAGES, *image, device=META_DEVICE)
    with torch.no_grad():
        forward = count_operations(lambda: model.apply(model.weights, x, None))
    both = count_operations(lambda: grad(lambda weights: model.apply(weights, x, None).sum())(model.weights))
    first = max(0, min(forward.flop, 3 * forward.flop - both.flop))
    features = max((model.weights[name].shape[-1] for name in model.head if model.weights[name].dim() == 2), default=0)
    head = 2 * _IMAGES * features * ways
    if first + head > forward.flop:  # the network is its head
        features = head = 0
    return NetworkCost(
        first=first / _IMAGES,
        others=(forward.flop - first - head) / _IMAGES,
        features=features,
        written=forward.written / _IMAGES,
        weights=sum(weight.numel() for weight in model.weights.values()),
        tensors=len(model.weights),
    )


def task_cost(learner: Learner, shape: Shape, call: LearnerCall) -> TaskCost:
    """The costs of a call of a learner. Raises any error of a learner that needs more than three layers."""
    a, b, c = _SIZES
    products = count_operations(_on_stand_in(learner, _RULE, shape, call, (a, b, c), pixels=1)).products
    first = [flop for flop in products if flop % a == 0]
    others = [flop for flop in products if flop % a and flop % b == 0]
    return TaskCost(
        first=sum(first) / (2 * a * b),
        others=sum(others) / (2 * b * c),
        features=(sum(products) - sum(first) - sum(others)) / c,
        products=len(products) / 3,
    )


def flop(network: NetworkCost, task: TaskCost) -> float:
    """FLOP of one task."""
    return task.first * network.first + task.others * network.others + task.features * network.features


def peak_memory(learner: Learner, rule: InnerOptimizer, shape: Shape, call: LearnerCall) -> PeakMemory:
    """The memory of a call of a learner. Activations and weights are counted separately, each at its own peak."""
    wide = count_operations(_on_stand_in(learner, rule, shape, call, (1, 1, 1), _WIDE)).peak
    thick = count_operations(_on_stand_in(learner, rule, shape, call, (_THICK, _THICK, 1), pixels=1)).peak
    return PeakMemory(images=wide / (2 * _WIDE * _BYTES), copies=thick / (_THICK**2 * _BYTES))


def costs_by_epoch(learner: Learner, shape: Shape, steps: int, count: int) -> list[tuple[range, TaskCost]]:
    """The costs of a task's meta-gradient in the first `count` epochs, by runs of epochs with equal costs.

    If two epochs have equal costs, all epochs between them are taken to have the same.
    """
    marks = [epoch for epoch in range(count) if epoch == 0 or learner.phase(epoch) != learner.phase(epoch - 1)]

    @cache
    def value(index: int) -> TaskCost:
        return task_cost(learner, shape, LearnerCall(steps, marks[index]))

    def changes(low: int, high: int) -> list[int]:
        """Indices above `low`, up to `high`, at which the costs change."""
        if value(low) == value(high):
            return []
        if high - low == 1:
            return [high]
        middle = high - 1 if value(high - 1) == value(low) else (low + high) // 2  # the last phase is often its own
        return changes(low, middle) + changes(middle, high)

    kinds = [0, *changes(0, len(marks) - 1)]
    ends = [*(marks[index] for index in kinds[1:]), count]
    return [(range(marks[index], end), value(index)) for index, end in zip(kinds, ends, strict=True)]


def learner_call(
    learner: Learner, parts: Parts, image: ImageShape, shape: Shape, call: LearnerCall, device: str = "cpu"
) -> Callable[[], Any]:
    """A function that makes a call of a learner on one task of blank images. parts: on the CPU; they are moved."""
    meta, memory = _moved(learner.start(parts, call.steps), device), _moved(learner.memory(parts), device)
    weights = _moved(parts.model.weights, device)
    there = parts._replace(model=parts.model._replace(weights=weights))
    stage = Stage(OuterState(weights, weights, torch.zeros((), device=device)), memory, call.steps, call.epoch)

    def batch(per_class: int) -> Batch:
        labels = torch.arange(shape.ways, device=device).repeat_interleave(per_class)
        return Batch(torch.zeros(len(labels), *image, device=device), labels)

    classes, key = torch.arange(shape.ways, device=device), torch.zeros((), dtype=torch.int64, device=device)
    task, batch_norm = Task(batch(shape.shots), batch(shape.queries), classes, key), call.predict
    if batch_norm is None:
        return lambda: learner.meta_gradient(there, meta, stage, task)
    return lambda: learner.predict(there, meta, stage, task, batch_norm)


def _on_stand_in(
    learner: Learner, rule: InnerOptimizer, shape: Shape, call: LearnerCall, channels: tuple[int, int, int], pixels: int
) -> Callable[[], Any]:
    model = build(lambda: _StandIn(*channels, shape.ways), shape.ways, seed=0)
    parts = Parts(model, rule, shape.classes)
    return learner_call(learner, parts, ImageShape(1, pixels, channels[0]), shape, call)


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

    def count(self, operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        """Adds the costs of an operation."""
        flop = flop_of(operation, args, kwargs, result)
        if flop is not None:
            self.products.append(flop)
        if not operation.is_view:
            for tensor in tree_leaves(result):
                if isinstance(tensor, Tensor):
                    self.written += tensor.numel()
                    self._allocated(tensor.untyped_storage())

    def _allocated(self, storage: torch.UntypedStorage) -> None:
        place, size = id(storage), storage.nbytes()  # one object for a storage, as long as there is a tensor of it
        if place not in self._known:  # else it was written into
            self._known.add(place)
            self._now += size
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._freed, place, size)

    def _freed(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _moved(tensors: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
