"""Second-order MAML on networks with affine batch norm, on images made of noise."""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from fewshot_bench.audit.by_autograd import by_autograd
from fewshot_bench.audit.problem import Problem
from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.backbones.vgg import vgg
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.problem import Batch, Bilevel, Task, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.inner_optimizers.sgd import sgd
from fewshot_bench.learners.model import as_function

STEPS, TASKS = 5, 2
WAYS = 3  # of the small network
IMAGE = ImageShape(1, 28, 28)


def small_network() -> nn.Module:
    """Two blocks of convolution, batch norm, tanh, average pool, and a linear layer: 3 ways, 8x8 pixels, no kinks.

    Finite differences would step over kinks. Convolutions have no bias: batch norm takes it away again.
    """
    layers = [
        layer
        for channels in (1, 4)
        for layer in (nn.Conv2d(channels, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Tanh(), nn.AvgPool2d(2))
    ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 2 * 2, WAYS))


def on_small_network() -> Problem:
    return maml(small_network, ImageShape(1, 8, 8), ways=WAYS, shots=2, lr=0.1)


def on_vgg(shots: int, lr: float) -> Problem:
    """The field's network of four blocks on 28x28 pixels, 5 ways; 8 filters in place of 64, to be quick."""
    return maml(lambda: vgg(IMAGE, 5, filters=8), IMAGE, ways=5, shots=shots, lr=lr)


def initial(make: Callable[[], nn.Module]) -> nn.Module:
    """The network in float64 with weights that no other draw has touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().double()


def maml(make: Callable[[], nn.Module], image: ImageShape, *, ways: int, shots: int, lr: float) -> Problem:
    """5 inner steps of gradient descent, 2 tasks, as many queries as supports; learned: start, and one lr for all.

    The answer is `by_autograd`'s.
    """
    module = initial(make)
    weights = {name: tensor.detach() for name, tensor in module.named_parameters()}
    plain, model = with_batch_statistics(copy.deepcopy(module)), as_function(module, ways)
    phi = {f"start/{name}": tensor for name, tensor in weights.items()}
    phi["lr"] = torch.tensor(lr, dtype=torch.float64)
    problem = Problem(
        bilevel=_bilevel(lambda w, x: model.apply(w, x, None), tuple(weights)),
        plain=_bilevel(lambda w, x: functional_call(plain, w, (x,)), tuple(weights)),
        phi=phi,
        tasks=noise(image, ways, shots),
        answer={},
    )
    return problem._replace(answer=by_autograd(problem))


def noise(image: ImageShape, ways: int, shots: int) -> Task:
    """Tasks whose pixels are normally distributed; the labels mean nothing."""
    generator = torch.Generator().manual_seed(1)
    x = [torch.randn(TASKS, ways * shots, *image, dtype=torch.float64, generator=generator) for _ in range(2)]
    y = torch.arange(ways).repeat_interleave(shots).expand(TASKS, -1)
    classes = torch.arange(ways).expand(TASKS, -1)
    return Task(Batch(x[0], y), Batch(x[1], y), classes, torch.arange(TASKS))


def _bilevel(apply: Callable[[Params, Tensor], Tensor], names: tuple[str, ...]) -> Bilevel:
    def inner(w: Params, phi: Params, task: Task, t: int) -> Tensor:
        return F.cross_entropy(apply(w, task.support.x), task.support.y)

    def outer(w: Params, phi: Params, task: Task, t: int) -> tuple[Tensor, Tensor]:
        logits = apply(w, task.query.x)
        return F.cross_entropy(logits, task.query.y), logits

    return Bilevel(
        inner=inner,
        outer=outer,
        init=lambda phi, task: {name: phi[f"start/{name}"] for name in names},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": dict.fromkeys(names, phi["lr"])},
        steps=STEPS,
        step_weights=last_step_only(STEPS),
        state=lambda w: {},
    )
