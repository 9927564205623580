"""Tests of a backbone that need no gradient: what it makes, and that it depends on nothing but what it is given."""

import torch
from torch import Tensor, nn

from fewshot_bench.backbones.functional import in_evaluation_mode
from fewshot_bench.backbones.noise import Noise
from fewshot_bench.basics.counting import counted
from fewshot_bench.conformance.backbone.subject import Backbone, images_of, model_of
from fewshot_bench.conformance.findings import Outcome, listed, within
from fewshot_bench.conformance.measures import apart, finite, impurity, same
from fewshot_bench.conformance.options import settable
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.model import Model, as_function, made
from fewshot_bench.learners.smoke_test import check_weights, tried, two_images

PRECISION = 1e-3  # allowed between float32 and float64 logits


def module(net: Backbone) -> Outcome:
    """A torch module with weights."""
    torch_module = made(lambda: net.make(net.image, net.ways), seed=0)
    model = as_function(torch_module, net.ways)
    count = sum(tensor.numel() for tensor in model.weights.values())
    weights = f"{counted(count, 'weight')} in {counted(len(model.weights), 'tensor')}"
    head = _head(net, model, torch_module)
    if not head:
        return (
            None,
            f"{weights}; no nn.Linear with {counted(net.ways, 'output')} at its end, which learners that want features "
            "need",
        )
    return True, f"{weights}; the head is {listed(head)}"


def _head(net: Backbone, model: Model, torch_module: nn.Module) -> tuple[str, ...]:
    """The parameters of the head, none where the layer found is not where logits come from."""
    try:
        return tried(model, torch_module, net.image, net.ways).head
    except Exception:  # the other tests say what is wrong
        return model.head


def own_weights(net: Backbone) -> Outcome:
    """Other weights change the logits of the functional network as they change the logits of the module itself."""
    module = made(lambda: net.make(net.image, net.ways), seed=0)
    model = as_function(module, net.ways)
    with in_evaluation_mode(module):
        check_weights(model, module, two_images(model, net.image))
    return True, "logits follow the weights that they are given"


def options(net: Backbone) -> Outcome:
    """A grid can set them."""
    return settable(net.make, supplied=2)


def initial_weights(net: Backbone) -> Outcome:
    """They depend on the seed alone."""
    first = model_of(net, seed=0).weights
    torch.rand(3)  # the program may have drawn anything before
    if not same(first, model_of(net, seed=0).weights):
        return False, "the same seed gives other weights. Draw them from torch's global generator, and from no other."
    if same(first, model_of(net, seed=1).weights):
        return None, "the same for every seed"
    return True, "a function of the seed"


def logits(net: Backbone) -> Outcome:
    """One a class, for any number of images and of ways."""
    for ways in (net.ways, net.ways + 1):
        model = model_of(net, ways=ways)
        for count in (2, 2 * ways + 1):
            found = model.apply(model.weights, torch.rand(count, *net.image).double(), None)
            if found.shape != (count, ways):
                return (
                    False,
                    f"{counted(count, 'image')} in, {list(found.shape)} out; logits have to be [{count}, {ways}].",
                )
            if not finite(found):
                return False, f"for {counted(count, 'image')} in [0, 1] logits are not finite."
    return True, f"[n, {net.ways}], finite; [n, {net.ways + 1}] for {counted(net.ways + 1, 'way')}"


def precision(net: Backbone) -> Outcome:
    """float64 in, float64 out: the tests of gradients need it."""
    found = {}
    for dtype in (torch.float32, torch.float64):
        model = model_of(net, dtype=dtype)
        found[dtype] = model.apply(model.weights, images_of(net).to(dtype), None)
        if found[dtype].dtype != dtype:
            return False, f"{dtype} in, {found[dtype].dtype} out. Make new tensors with x.new_zeros and the like."
    return within(apart(found[torch.float32], found[torch.float64]), PRECISION, "logits in float32 and float64")


def pure_function(net: Backbone) -> Outcome:
    """Nothing in place, nothing kept, nothing drawn."""
    model, images = model_of(net), images_of(net)

    def apply(weights: Params, x: Tensor) -> Tensor:
        return model.apply(weights, x, None)

    fault = impurity(apply, model.weights, images, between=lambda: apply(model.weights, 1 - images))
    return (True, "of weights and images") if fault is None else (False, fault)


def noise(net: Backbone) -> Outcome:
    """Dropout draws from the task's key, so that its masks are the same in a loop and under vmap."""
    model, images = model_of(net), images_of(net)

    def in_training(key: Tensor) -> Tensor:
        return model.apply(model.weights, images, Noise(key, 0))

    first, second = torch.tensor([1, 2])
    fault = impurity(in_training, first, between=lambda: in_training(second))
    if fault is not None:
        return False, f"in training, {fault}"
    return True, "none" if same(in_training(first), in_training(second)) else "in training, drawn from the task's key"
