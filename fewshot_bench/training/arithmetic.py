"""How much work a network and a learner are, counted from the shapes of what they do: the same on any machine.

Convolutions and products of matrices count, and what both are pulled back to, of every order; a multiplication and an
addition are two operations (FLOP). Norms, activations, pooling, losses and inner optimizers are left out: less than a
hundredth as many, whose time goes by the memory that they read and write.
"""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import BatchNorm, Learner, Parts, Stage
from fewshot_bench.learners.model import Model

NOWHERE = "meta"
"""torch's device of tensors without numbers."""

_IMAGES = 2  # passed through a network together: one alone is a special case to some layers


class Counted(NamedTuple):
    """What operations take. products: FLOP of each convolution and product of matrices; written: numbers that came out
    of all operations.
    """

    products: list[int]
    written: int

    @property
    def flop(self) -> int:
        return sum(self.products)


class Network(NamedTuple):
    """What a pass of one image through a network takes.

    first: FLOP of the layers that see the image itself, which needs no gradient; others: of all other layers but the
    head; features: numbers that the head is given, 0 where there is no head; written: numbers that operations write.
    weights, tensors: how many numbers are learned, in how many tensors.
    """

    first: float
    others: float
    features: int
    written: float
    weights: int
    tensors: int


class Asked(NamedTuple):
    """What a learner is asked of a task. steps: of the inner loop; epoch: of training.

    predict: for the queries' logits, normalised so; None: for the meta-gradient.
    """

    steps: int
    epoch: int
    predict: BatchNorm | None = None


def counted(work: Callable[[], Any]) -> Counted:
    """What the operations of `work()` take. It is carried out, so its tensors should be small, or have no numbers.

    By torch's own formulas. Its counter (FlopCounterMode) takes longer: it asks every operation for its parts.
    """
    with _Counter() as counter:
        work()
    return Counted(counter.products, counter.written)


def peak_bytes(work: Callable[[], Any]) -> int:
    """Most bytes that are alive at one time of what the operations of `work()` make."""
    with _Alive() as alive:
        work()
    return alive.peak


def of_network(model: Model, image: ImageShape, ways: int) -> Network:
    """model: on the device NOWHERE. Raises whatever a network raises that cannot do without numbers.

    Forward is one pass; what it is pulled back to along all weights are two more, but for the images' own gradients.
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


def of_learner(learner: Learner, parts: Parts, task: Task, asked: Asked) -> Callable[[], Any]:
    """What a learner is asked of one task, to be carried out. Its weights go to the device of `task`."""
    device = task.key.device
    meta, memory = _moved(learner.start(parts, asked.steps), device), _moved(learner.memory(parts), device)
    weights = _moved(parts.model.weights, device)
    there = parts._replace(model=parts.model._replace(weights=weights))
    stage = Stage(OuterState(weights, weights, torch.zeros((), device=device)), memory, asked.steps, asked.epoch)
    batch_norm = asked.predict
    if batch_norm is None:
        return lambda: learner.meta_gradient(there, meta, stage, task)
    return lambda: learner.predict(there, meta, stage, task, batch_norm)


def any_task(image: ImageShape, ways: int, shots: int, queries: int, device: str = NOWHERE) -> Task:
    """A task of this shape, of blank images."""

    def batch(per_class: int) -> Batch:
        labels = torch.arange(ways, device=device).repeat_interleave(per_class)
        return Batch(torch.zeros(len(labels), *image, device=device), labels)

    classes, key = torch.arange(ways, device=device), torch.zeros((), dtype=torch.int64, device=device)
    return Task(batch(shots), batch(queries), classes, key)


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.products: list[int] = []
        self.written = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.products.append(int(formula(*args, **(kwargs or {}), out_val=out)))
        if not func.is_view:
            self.written += sum(tensor.numel() for tensor in tree_leaves(out) if isinstance(tensor, Tensor))
        return out


class _Alive(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for tensor in tree_leaves(out):
                if isinstance(tensor, Tensor):
                    self._made(tensor.untyped_storage())
        return out

    def _made(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place not in self._known:  # else it was written into
            self._known.add(place)
            self._now += size
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._gone, place, size)

    def _gone(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _moved(tensors: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
