"""A module as functions of its weights: dropout from a key, one weight in two places, constants."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import grad, vmap

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.model import as_function, query_logits
from tests.learners.networks import at, no_statistics, one, parts, tasks
from tests.learners.third_party import GREY, Body, Calls, Constants, Counter, Shared, dropouts, vision_transformer

WAYS = 3
IMAGES = torch.rand(4, *GREY, generator=torch.Generator().manual_seed(0))


def noise(key: int, use: int = 0) -> Noise:
    return Noise(torch.tensor(key), use)


def found(module, ways=WAYS):
    return as_function(module, ways)


def test_masks_are_a_function_of_key_and_pass_alone():
    model = found(dropouts(WAYS))
    first = model.apply(model.weights, IMAGES, noise(1))
    torch.rand(5)
    model.apply(model.weights, IMAGES, noise(2))
    assert torch.equal(model.apply(model.weights, IMAGES, noise(1)), first)
    for other in (noise(2), noise(1, 1)):
        assert not torch.equal(model.apply(model.weights, IMAGES, other), first)


@pytest.mark.parametrize("make", [dropouts, vision_transformer])
def test_without_noise_a_network_is_as_in_evaluation(make):
    module = make(WAYS)
    model = found(module)
    assert torch.allclose(model.apply(model.weights, IMAGES, None), module.eval()(IMAGES), rtol=0, atol=1e-6)


def test_every_layer_and_every_call_of_it_has_a_mask_of_its_own():
    seen = []
    layer = nn.Dropout(0.5)
    watch = Calls(lambda x: seen.append(x) or x)
    model = found(
        Body(WAYS, layer, watch, Calls(torch.ones_like), layer, watch, Calls(torch.ones_like), nn.Dropout(0.5), watch)
    )
    model.apply(model.weights, IMAGES, noise(1))
    masks = [x != 0 for x in seen]
    assert not any(torch.equal(masks[i], masks[j]) for i in range(3) for j in range(i))


def test_masks_of_tasks_at_once_are_those_of_tasks_one_by_one():
    model, keys = found(dropouts(WAYS)), torch.tensor([5, -7])
    at_once = vmap(lambda key: model.apply(model.weights, IMAGES, Noise(key, 3)))(keys)
    for key, logits in zip(keys, at_once, strict=True):
        assert torch.allclose(logits, model.apply(model.weights, IMAGES, Noise(key, 3)), rtol=0, atol=1e-6)


def test_queries_one_by_one_meet_the_same_masks():
    model, task = parts(lambda: dropouts(WAYS)).model, one(tasks(image=GREY))
    logits = query_logits(model.apply, "inductive", model.weights, task, noise(1))
    for image, expected in zip(task.query.x, logits, strict=True):
        alone = model.apply(model.weights, torch.cat([task.support.x, image[None]]), noise(1))[-1]
        assert torch.allclose(alone, expected, rtol=0, atol=1e-12)


def test_no_noise_reaches_a_network_without_dropout():
    model = found(Shared(WAYS))
    assert torch.equal(model.apply(model.weights, IMAGES, noise(1)), model.apply(model.weights, IMAGES, None))


def test_a_shared_weight_is_one_weight_with_the_gradient_of_both_uses():
    """Against MAML on the same network written out, its weight in both places by hand."""
    made, task, steps = parts(lambda: Shared(WAYS)), one(tasks(image=GREY)), 2
    assert "first.weight" in made.model.weights
    assert "second.weight" not in made.model.weights

    def loss(w, examples):
        z = F.conv2d(examples.x, w["stem.weight"], w["stem.bias"], stride=4).flatten(1)
        z = F.linear(F.linear(z, w["first.weight"], w["first.bias"]).tanh(), w["first.weight"], w["second.bias"]).tanh()
        return F.cross_entropy(F.linear(z, w["fc.weight"], w["fc.bias"]), examples.y)

    def meta_loss(w):
        for _ in range(steps):
            g = grad(loss)(w, task.support)
            w = {name: p - 0.1 * g[name] for name, p in w.items()}
        return loss(w, task.query)

    learner = LEARNERS["maml"]()
    gradient = learner.meta_gradient(made, learner.start(made, steps), at(no_statistics(made), steps), task).meta
    for name, expected in grad(meta_loss)(made.model.weights).items():
        assert torch.allclose(gradient[f"weights/{name}"], expected, rtol=1e-12, atol=1e-15), name


def test_constants_are_of_the_images_type_and_not_learned():
    module = Constants(WAYS)
    model = found(module)
    assert not {"gain", "mix", "order"} & set(model.weights)
    for dtype, allowed in ((torch.float32, 1e-6), (torch.float64, 1e-14)):
        w = {name: weight.to(dtype) for name, weight in model.weights.items()}
        z = F.conv2d(IMAGES.to(dtype), w["stem.weight"], w["stem.bias"], stride=4).flatten(2) @ module.mix.to(dtype)
        expected = F.linear((z.flip(-1) * module.gain.to(dtype)).tanh().flatten(1), w["fc.weight"], w["fc.bias"])
        logits = model.apply(w, IMAGES.to(dtype), None)
        assert logits.dtype == dtype
        assert torch.allclose(logits, expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_buffer_that_passes_change_is_refused(in_place):
    model = found(Body(WAYS, Counter(in_place)))
    with pytest.raises(
        BenchError, match=r"^Body changes its buffer 'middle.0.calls' in its forward pass, .* constants"
    ):
        model.apply(model.weights, IMAGES, None)


def test_spectral_norm_keeps_an_estimate_and_is_refused():
    model = found(Body(WAYS, nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(36, 36))))
    with pytest.raises(BenchError, match="changes its buffer"):
        model.apply(model.weights, IMAGES, noise(1))


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (lambda x: x, "has to make a torch.nn.Module; this one made a function"),
        (nn.Flatten(), "Flatten has no parameters that require gradients"),
        (nn.Linear(2, 2).requires_grad_(False), "Linear has no parameters that require gradients"),
        (Body(WAYS, nn.Flatten(), nn.LazyLinear(36)), "Body has lazy layers"),
        (Body(WAYS, nn.LazyBatchNorm2d()), "Body has lazy layers"),
    ],
)
def test_what_cannot_be_a_backbone_is_told_in_a_sentence(module, told):
    with pytest.raises(BenchError, match=told):
        found(module)
