"""A network's first images, before any work: what cannot be trained is told in a sentence."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.noise import Noise, uniform
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.learners.model import Model, no_features


def tried(model: Model, image: ImageShape, ways: int) -> Model:
    """The model, once two images have passed it; without a head where the one found is not its last layer.

    Raises BenchError where it is no function of weights, images and noise, or gives other than finite logits
    [2, ways]; and whatever the network raises.
    """
    device = next(iter(model.weights.values())).device
    key = torch.zeros((), dtype=torch.int64, device=device)
    images = uniform(key, (2, *image)).float()
    before = {name: weight.clone() for name, weight in model.weights.items()}, images.clone()
    logits = _pass(model, images, None, ways)
    noisy, again = (_pass(model, images, Noise(key, 0), ways) for _ in range(2))
    if any(not torch.equal(weight, before[0][name]) for name, weight in model.weights.items()):
        raise BenchError("the network changes its weights in its forward pass; only an optimizer may.")
    if not torch.equal(images, before[1]):
        raise BenchError("the network changes its images in place, and they are needed again. Let it make new tensors.")
    if not torch.allclose(noisy, again, rtol=1e-3, atol=1e-5):
        raise BenchError(
            "gives other logits for the same two images when it is given them again: it remembers something."
        )
    if model.head and not _is_last(model, images, logits):
        why = f"the network's logits do not come from {model.head[0]} alone"
        return model._replace(head=(), embed=no_features(why, ways))
    return model


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
    """Whether logits are the head of what `embed` gives. Whatever goes wrong without the head is a no."""
    head = {name.rpartition(".")[2]: model.weights[name] for name in model.head}
    try:
        found = F.linear(model.embed(model.weights, images, None), head["weight"], head.get("bias"))
        return found.shape == logits.shape and torch.allclose(found, logits, rtol=1e-3, atol=1e-5)
    except Exception:
        return False
