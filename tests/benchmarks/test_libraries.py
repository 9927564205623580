"""All contenders do the same work: in float64 their meta-gradients are the package's."""

import importlib

import pytest
import torch

from benchmarks.libraries import CONTENDERS, higher_maml
from benchmarks.libraries.ours import for_memory, for_speed, planned
from benchmarks.libraries.work import NotOfferedError, work
from benchmarks.settings import Setting
from fewshot_bench.training.plan import Plan

NETWORKS = "tests.benchmarks.networks"
TINY = Setting(f"{NETWORKS}:tiny", "omniglot", 3, 2, "sgd", steps=3, tasks=2, precision="float64")
EAGER = Plan("cpu", 1, 1)
OTHERS = [
    pytest.param(name, marks=pytest.mark.peers if name in ("learn2learn", "torchmeta") else ())
    for name, contender in CONTENDERS.items()
    if not contender.ours
]
FROM_OUTSIDE = "torchopt, vmap"
"""Differentiates fused batch norm from outside vmap, which torch has wrong; see docs/audit.md."""

SGD_ALONE = ("learn2learn", "torchmeta", "autograd loop")
NO_EPS = 1e-30  # where a library adds eps makes a difference


def step(name, works):
    module, _, function = CONTENDERS[name].where.partition(":")
    return getattr(importlib.import_module(module), function)(works)


def errors(found, answer):
    """Relative, of the loss and of the gradient by its norm."""
    a, b = (torch.cat([one.gradient[name].flatten() for name in answer.gradient]) for one in (found, answer))
    assert found.gradient.keys() == answer.gradient.keys()
    return float(abs(found.loss / answer.loss - 1)), float((a - b).norm() / b.norm())


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of torchopt's Adam under vmap, one task at a time
@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("name", OTHERS)
def test_another_librarys_gradient_is_the_packages(name, rule):
    network = "without_norm" if name == FROM_OUTSIDE else "tiny"
    given = work(TINY._replace(rule=rule, backbone=f"{NETWORKS}:{network}"))._replace(eps=NO_EPS)
    if rule == "adam" and name in SGD_ALONE:
        with pytest.raises(NotOfferedError, match="gradient descent"):
            step(name, [given])
        return
    assert max(errors(step(name, [given]).do()[0], planned([given], EAGER).do()[0])) < 1e-9


def test_from_outside_vmap_the_loss_is_right_and_the_gradient_is_not():
    given = work(TINY)
    loss, gradient = errors(step(FROM_OUTSIDE, [given]).do()[0], planned([given], EAGER).do()[0])
    assert loss < 1e-12
    assert gradient > 1e-6


@pytest.mark.parametrize("plans", [for_speed, for_memory])
def test_named_plans_compute_the_same(plans):
    setting = TINY._replace(steps=2, tasks=1)
    given, plan = work(setting), plans(setting, 1)[0]
    assert plan.recompute == (plans is for_memory) and (plan.program == "traced") == (plans is for_speed)
    assert max(errors(planned([given], plan).do()[0], planned([given], EAGER).do()[0])) < 1e-9


@pytest.mark.parametrize("library", [lambda works: planned(works, EAGER), higher_maml.maml], ids=["ours", "higher"])
def test_replicas_are_what_each_is_alone(library):
    works = [work(TINY, replica) for replica in range(2)]
    together = library([one._replace(setting=one.setting._replace(replicas=2)) for one in works]).do()
    alone = [library([one]).do()[0] for one in works]
    assert float(alone[0].loss) != float(alone[1].loss)
    for found, answer in zip(together, alone, strict=True):
        assert max(errors(found, answer)) < 1e-10


def test_equal_shares_of_the_tasks_make_the_whole():
    parts = [step("higher", [work(TINY, share=(index, 2))]).do()[0] for index in range(2)]
    whole = step("higher", [work(TINY)]).do()[0]
    assert float(sum(part.loss for part in parts) / 2) == pytest.approx(float(whole.loss), rel=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize("backbone", ["vgg", "resnet-4", "densenet-8"])
def test_torchmetas_modules_are_the_packages_networks(backbone):
    given = work(TINY._replace(backbone=backbone, ways=2, shots=1, steps=1, tasks=1))
    answer = step("autograd loop", [given]).do()[0]
    assert max(errors(step("torchmeta", [given]).do()[0], answer)) < 1e-9
