"""The package's own backbones, inner optimizers and learners pass what newcomers have to pass."""

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance import backbone, inner_optimizer, learner, shared_checks
from fewshot_bench.conformance.findings import findings
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS

MEANT = {"adam-higher2019": {"derivatives"}}
"""Faults that are the point of it: its gradient to beta2 is as wrong as that of `higher`."""


@pytest.fixture(autouse=True)
def recorded_once(monkeypatch):
    """The check `traced` has recorded its meta-gradient; to record it in `run` again takes as long as the rest."""
    monkeypatch.setattr("fewshot_bench.conformance.shared_checks.PLANS", shared_checks.PLANS[:1])


@pytest.fixture(autouse=True)
def to_rounding(monkeypatch):
    """Between tasks at once and one by one, of the package's own; a newcomer's network may be larger and round more."""
    for kind in (backbone, learner):
        monkeypatch.setattr(f"{kind.__name__}.gradients.LAYOUT", 1e-12)


def faults(kind, subject):
    found = list(findings(kind.STAGES, subject))
    assert len(found) == len(kind.CHECKS)
    return {one.name: one.what for one in found if one.ok is False}


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "resnet-12"])  # resnet-8 has all it has
def test_backbone(name):
    image = ImageShape(1, 18, 18)  # after four times half its size, batch norm still sees 2 x 2 pixels
    assert not faults(backbone, backbone.Backbone(BACKBONES[name], image, 3))


@pytest.mark.parametrize("name", INNER_OPTIMIZERS)
def test_inner_optimizer(name):
    assert set(faults(inner_optimizer, inner_optimizer.Rule(INNER_OPTIMIZERS[name]))) == MEANT.get(name, set())


@pytest.mark.parametrize("name", LEARNERS)
def test_learner(name):
    assert not faults(learner, learner.Candidate(LEARNERS[name]))
