"""The smoke test of a network: two images pass it before any work, and a network that cannot be trained is an error."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot_bench.backbones.functional import ELEMENTARY, Operations, in_evaluation_mode, module_logits
from fewshot_bench.backbones.noise import Noise, uniform
from fewshot_bench.backbones.precision import float32_cpu_defaults
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.model import Model, as_function, build_module, no_features

PERTURBATION = 0.1
"""Size of the random change that `perturbed` makes to a weight tensor, relative to the tensor's size."""


def smoke_tested(
    model: Model, module: nn.Module, image: ImageShape, ways: int, operations: Operations = ELEMENTARY
) -> Model:
    """Tests the model on two images and returns it; without its head if logits do not come from it.

    module, operations: what the model was made from (learners.model.as_function); the module is left unchanged.

    Raises BenchError if the model is not a function of weights, images and noise, if its logits do not depend on the
    weights as the module's do, or if they are not finite or not [2, ways]. Errors of the network itself pass through.
    """
    with float32_cpu_defaults(), in_evaluation_mode(module.to(next(iter(model.weights.values())).device)):
        images = two_images(model, image)
        checked = _checked_passes(model, images, ways)
        check_weights(model, module, images, operations)
    return checked


def build_smoke_tested(
    make: Callable[[], nn.Module],
    image: ImageShape,
    ways: int,
    seed: int,
    device: str = "cpu",
    operations: Operations = ELEMENTARY,
) -> Model:
    """The Model of `make()` with initial weights by `seed` (learners.model.build), after the smoke test.

    Raises as `smoke_tested`.
    """
    module = build_module(make, seed)
    return smoke_tested(as_function(module, ways, device, operations), module, image, ways, operations)


def two_images(model: Model, image: ImageShape) -> Tensor:
    """Random pixels in [0, 1), [2, c, h, w], the same every time; type and device are those of the model's weights."""
    weight = next(iter(model.weights.values()))
    return uniform(torch.zeros((), dtype=torch.int64, device=weight.device), (2, *image)).to(weight.real.dtype)


def check_weights(model: Model, module: nn.Module, images: Tensor, operations: Operations = ELEMENTARY) -> None:
    """Raises BenchError if other weights do not change the model's logits as they change the module's own.

    A model calls a copy of the module with the weights of each pass. If the copy's forward pass still uses the original
    module (a `forward` replaced by a closure, a hook that writes into the module), it uses the initial weights and
    ignores what is learned. Call this within `in_evaluation_mode(module)`.
    """

    def own(weights: Params) -> Any:
        return module_logits(module, weights, images, operations)

    def agree(weights: Params) -> bool:
        return torch.allclose(own(weights), model.apply(weights, images, None), rtol=1e-3, atol=1e-5)

    there = perturbed(model.weights)
    first = own(there)
    if not isinstance(first, Tensor) or not torch.equal(first, own(there)):
        return  # no tensor, random or stateful: other tests report it
    if agree(there):
        if torch.equal(*(model.apply(weights, images, None) for weights in (there, model.weights))):
            raise BenchError("the network's logits are the same for other weights: there is nothing to learn.")
        return
    ignored = [name for name in there if not agree(model.weights | {name: there[name]})]
    which = ", ".join(ignored[:3]) + (f" and {len(ignored) - 3} more" if len(ignored) > 3 else "")
    raise BenchError(
        f"its logits do not depend on the weights it is given ({which or 'all together'}): its forward pass reaches "
        "the module that it was copied from. Define `forward` in the class instead of replacing it on the module, and "
        "let hooks use the module that they are given."
    )


def perturbed(weights: Params, seed: int = 0) -> Params:
    """The weights plus a random change by `seed`: PERTURBATION times each tensor's root mean square (1 if it is zero).

    So no test depends on a special initial value, such as a gain of zero, which puts each ReLU behind it on its kink.
    """
    moved: Params = {}
    for name, weight in weights.items():
        generator = torch.Generator().manual_seed(1000 * seed + len(moved))
        drawn = torch.randn(weight.shape, generator=generator).to(weight)
        size = weight.detach().abs().square().mean().sqrt()
        moved[name] = weight + PERTURBATION * drawn * torch.where(size > 0, size, 1)
    return moved


def without_features(model: Model, ways: int) -> Model:
    """The model of a network whose logits do not come from its last layer alone: it has no features."""
    why = f"the network's logits do not come from {model.head[0]} alone"
    return model._replace(head=(), embed=no_features(why, ways))


def _checked_passes(model: Model, images: Tensor, ways: int) -> Model:
    key = torch.zeros((), dtype=torch.int64, device=images.device)
    before = {name: weight.clone() for name, weight in model.weights.items()}, images.clone()
    logits = _pass(model, images, None, ways)
    noisy, repeated = (_pass(model, images, Noise(key, 0), ways) for _ in range(2))
    if any(not torch.equal(weight, before[0][name]) for name, weight in model.weights.items()):
        raise BenchError("the network changes its weights in its forward pass; only an optimizer may.")
    if not torch.equal(images, before[1]):
        raise BenchError("the network changes its images in place, and they are needed again. Let it make new tensors.")
    if not torch.allclose(noisy, repeated, rtol=1e-3, atol=1e-5):
        raise BenchError(
            "gives other logits for the same two images when it is given them again: it remembers something."
        )
    return model if not model.head or _is_last(model, images, logits) else without_features(model, ways)


def _pass(model: Model, images: Tensor, noise: Noise | None, ways: int) -> Tensor:
    state = torch.get_rng_state()
    logits = model.apply(model.weights, images, noise)
    if not torch.equal(torch.get_rng_state(), state):
        raise BenchError(
            f"draws random numbers{'' if noise else ' in evaluation'} that cannot be drawn again. Dropout layers, "
            "torch.nn.functional's dropout and stochastic depth are drawn from the task's key; anything else, such as "
            "attention's dropout, has to be off."
        )
    if logits.shape != (2, ways):
        raise BenchError(f"gives {list(logits.shape)} for two images; logits have to be [2, {ways}].")
    if not bool(logits.isfinite().all()):
        raise BenchError("gives logits that are not finite for two images in [0, 1].")
    return logits


def _is_last(model: Model, images: Tensor, logits: Tensor) -> bool:
    """Whether logits are the head of what `embed` gives. Any error without the head means no."""
    head = {name.rpartition(".")[2]: model.weights[name] for name in model.head}
    try:
        recomputed = F.linear(model.embed(model.weights, images, None), head["weight"], head.get("bias"))
        return recomputed.shape == logits.shape and torch.allclose(recomputed, logits, rtol=1e-3, atol=1e-5)
    except Exception:
        return False
