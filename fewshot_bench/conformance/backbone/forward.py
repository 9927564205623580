"""Checks of a backbone's forward pass, and the setup that checks of backbones share: the subject and maml++ on it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fewshot_bench.backbones.functional import ELEMENTARY, Operations, in_evaluation_mode
from fewshot_bench.backbones.noise import Noise
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.findings import Outcome, listed, within
from fewshot_bench.conformance.measures import apart, finite, impurity, same
from fewshot_bench.conformance.shared_checks import settable
from fewshot_bench.conformance.tiny import TRAIN_CLASSES, at_the_start, one, tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Gradient, Meta, Parts
from fewshot_bench.learners.model import Model, as_function, build, build_module
from fewshot_bench.learners.smoke_test import check_weights, smoke_tested, two_images

PRECISION = 1e-3  # allowed difference of float32 and float64 logits

STEPS, RATE = 1, 0.01
"""Inner steps, and their learning rate: one short step suffices for second derivatives and stays near the start."""


class Backbone(NamedTuple):
    """The backbone to check. make(image, ways) -> torch module, with options set. image, ways: the sizes to check."""

    make: Callable[..., Any]
    image: ImageShape
    ways: int


class MamlTrial(NamedTuple):
    """maml++ at the start of training. meta: meta-parameters. gradient(meta, task) -> the meta-gradient of one task."""

    meta: Meta
    gradient: Callable[[Meta, Task], Gradient]


def model_of(
    net: Backbone,
    *,
    ways: int | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    operations: Operations = ELEMENTARY,
) -> Model:
    """The network as a function; its buffers have the dtype of its weights."""
    ways = net.ways if ways is None else ways
    return build(lambda: net.make(net.image, ways).to(dtype), ways, seed, operations=operations)


def tasks_of(net: Backbone, dtype: torch.dtype = torch.float64) -> Task:
    """Two 1-shot tasks with one query per class, on a leading axis."""
    return tasks(net.image, net.ways, dtype)


def images_of(net: Backbone) -> Tensor:
    """[ways, c, h, w], float64 in [0, 1]."""
    return one(tasks_of(net)).query.x


def maml(
    net: Backbone,
    rule: str,
    dtype: torch.dtype = torch.float64,
    operations: Operations = ELEMENTARY,
    second_order: bool = True,
) -> MamlTrial:
    """maml++, whose meta-gradient passes through the inner step's gradient to weights and learning rates."""
    model = model_of(net, dtype=dtype, operations=operations)
    parts = Parts(model, INNER_OPTIMIZERS[rule](lr=RATE), TRAIN_CLASSES)
    learner, stage = LEARNERS["maml++"](second_order=second_order), at_the_start(parts.model.weights, STEPS)
    return MamlTrial(learner.start(parts, STEPS), lambda meta, task: learner.meta_gradient(parts, meta, stage, task))


def module(net: Backbone) -> Outcome:
    """The factory makes a torch module with weights."""
    torch_module = build_module(lambda: net.make(net.image, net.ways), seed=0)
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
    """The parameters of the head; empty if logits do not come from the last linear layer."""
    try:
        return smoke_tested(model, torch_module, net.image, net.ways).head
    except Exception:  # the other tests say what is wrong
        return model.head


def own_weights(net: Backbone) -> Outcome:
    """Other weights change the logits of the functional network as they change the logits of the module itself."""
    module = build_module(lambda: net.make(net.image, net.ways), seed=0)
    model = as_function(module, net.ways)
    with in_evaluation_mode(module):
        check_weights(model, module, two_images(model, net.image))
    return True, "logits follow the weights that they are given"


def options(net: Backbone) -> Outcome:
    """A grid can set the options."""
    return settable(net.make, supplied=2)


def initial_weights(net: Backbone) -> Outcome:
    """Initial weights depend on the seed alone."""
    first = model_of(net, seed=0).weights
    torch.rand(3)  # the program may have drawn anything before
    if not same(first, model_of(net, seed=0).weights):
        return False, "the same seed gives other weights. Draw them from torch's global generator, and from no other."
    if same(first, model_of(net, seed=1).weights):
        return None, "the same for every seed"
    return True, "a function of the seed"


def logits(net: Backbone) -> Outcome:
    """There is one logit per class, for any number of images and of ways."""
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
    """float64 images give float64 logits, which the checks of gradients need."""
    found = {}
    for dtype in (torch.float32, torch.float64):
        model = model_of(net, dtype=dtype)
        found[dtype] = model.apply(model.weights, images_of(net).to(dtype), None)
        if found[dtype].dtype != dtype:
            return False, f"{dtype} in, {found[dtype].dtype} out. Make new tensors with x.new_zeros and the like."
    return within(apart(found[torch.float32], found[torch.float64]), PRECISION, "logits in float32 and float64")


def pure_function(net: Backbone) -> Outcome:
    """The network changes nothing in place, keeps no state, and draws no random numbers in evaluation."""
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
