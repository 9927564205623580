"""Unmodified networks of others: the same second-order meta-gradients in every layout, equal to finite differences."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, vmap

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.model import as_function, build
from fewshot_bench.learners.smoke_test import smoke_tested
from tests.learners.networks import IMAGE, at, no_statistics, one, parts, tasks
from tests.learners.third_party import KINKED, SMOOTH

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")  # swin's windows, under vmap

WAYS, STEPS = 2, 2
NETWORKS = SMOOTH | KINKED


def of_maml(name, steps=STEPS, recompute=False):
    """meta-parameters, and (meta, task) -> the gradient of a learner that goes through the inner gradients."""
    make, _ = NETWORKS[name]
    build_module = parts(lambda: make(WAYS), ways=WAYS)
    learner = LEARNERS["maml++"]()
    stage = at(no_statistics(build_module), steps, recompute=recompute)
    return learner.start(build_module, steps), lambda meta, task: learner.meta_gradient(build_module, meta, stage, task)


def batch_for(name):
    return tasks(count=2, ways=WAYS, image=NETWORKS[name][1], shots=2)


def apart(ours, expected):
    """The largest difference of two sets of tensors, relative to the largest element."""
    largest = max(float(g.abs().max()) for g in expected.values())
    return max(float((ours[key] - g).abs().max()) for key, g in expected.items()) / largest


@pytest.mark.parametrize("name", NETWORKS)
def test_vmap_equals_the_loop(name):
    meta, gradient = of_maml(name, steps=1 if name in KINKED else STEPS)
    looped, mapped = (over_tasks(lambda task: gradient(meta, task), n)(batch_for(name)).meta for n in (1, 2))
    assert apart(mapped, looped) < 1e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_meta_gradient_equals_finite_differences_and_the_recomputed_one(name):
    """With dropout too: the same masks whenever a pass is made again."""
    (meta, gradient), task, size = of_maml(name), one(batch_for(name)), 1e-5
    found = gradient(meta, task).meta
    generator = torch.Generator().manual_seed(5)
    direction = {key: torch.randn(p.shape, dtype=p.dtype, generator=generator) for key, p in meta.items()}
    length = sum((d * d).sum() for d in direction.values()) ** 0.5
    ahead, behind = (
        gradient({key: p + sign * size * direction[key] / length for key, p in meta.items()}, task).metrics["loss"]
        for sign in (1, -1)
    )
    along = sum((found[key] * direction[key]).sum() for key in meta) / length
    assert torch.isclose(along, (ahead - behind) / (2 * size), rtol=1e-6, atol=1e-9)
    assert apart(of_maml(name, recompute=True)[1](meta, task).meta, found) < 1e-12


def adapted_loss(model, weights, task, steps):
    """The query loss after steps of SGD at 0.1, differentiable."""

    def loss(w, examples, use):
        return F.cross_entropy(model.apply(w, examples.x, Noise(task.key, use)), examples.y)

    for t in range(steps):
        g = grad(loss)(weights, task.support, 2 * t)
        weights = {name: w - 0.1 * g[name] for name, w in weights.items()}
    return loss(weights, task.query, 2 * steps + 1)


def outside(make, image, steps):
    """How far grad(vmap(task)) is from the loop over grad(task)."""
    model, batch = parts(make, ways=WAYS).model, tasks(count=2, ways=WAYS, image=image, shots=2)
    looped = over_tasks(lambda task: grad(lambda w: adapted_loss(model, w, task, steps))(model.weights), 1)(batch)
    over = vmap(lambda w, task: adapted_loss(model, w, task, steps), in_dims=(None, 0))
    mapped = grad(lambda w: over(w, batch).mean())(model.weights)
    return apart(mapped, {name: g.mean(0) for name, g in looped.items()})


@pytest.mark.parametrize("name", [name for name in NETWORKS if "resnet" not in name])
def test_gradient_outside_vmap_equals_the_loop_too(name):
    make, image = NETWORKS[name]
    assert outside(lambda: make(WAYS), image, STEPS) < 1e-12


@pytest.mark.parametrize("name", BACKBONES)
def test_gradient_outside_vmap_equals_the_loop_for_every_backbone(name):
    assert outside(lambda: BACKBONES[name](IMAGE, WAYS), IMAGE, 1) < 1e-12


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_keep_their_names_and_the_module_is_left_as_it_was(name):
    make, image = NETWORKS[name]
    module = make(WAYS)
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    model = smoke_tested(as_function(module, WAYS), module, image, WAYS)
    trained = {key: p for key, p in module.named_parameters() if p.requires_grad}
    assert list(model.weights) == list(trained)
    assert all(torch.equal(weight, trained[key]) for key, weight in model.weights.items())
    assert list(module.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert module.training
    assert len(model.head) == 2
    norms = {path: layer for path, layer in module.named_modules() if "Norm" in type(layer).__name__}
    assert set(model.norms) == {f"{path}.{key}" for path, norm in norms.items() for key in norm._parameters} & set(
        trained
    )


@pytest.mark.parametrize("name", ["torchvision's resnet-18", "torchvision's densenet", "timm's efficientnet"])
def test_a_pass_is_the_modules_own_in_training(name):
    """In training mode without dropout a module does what it does here."""
    make, image = NETWORKS[name]
    model = build(lambda: make(WAYS), WAYS, seed=0)
    torch.manual_seed(0)
    module, images = make(WAYS), torch.rand(4, *image)
    for layer in module.modules():
        layer.training = "Norm" in type(layer).__name__
    assert torch.allclose(model.apply(model.weights, images, None), module(images), rtol=0, atol=1e-4)
