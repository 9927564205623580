"""Every test sees the fault that it is there for, and says what it is."""

import pytest

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance import backbone, inner_optimizer, learner
from fewshot_bench.conformance.findings import finding, findings, name_of
from tests.conformance import faulty_backbones, faulty_inner_optimizers, faulty_learners

KINDS = [
    (backbone, lambda make: backbone.Backbone(make, ImageShape(1, 8, 8), 3), faulty_backbones.CASES),
    (inner_optimizer, inner_optimizer.Rule, faulty_inner_optimizers.CASES),
    (learner, learner.Candidate, faulty_learners.CASES),
]
CASES = [
    pytest.param(kind, subject(make), test, ok, says, id=f"{test}: {getattr(make, '__name__', number)}")
    for kind, subject, cases in KINDS
    for number, (make, test, ok, says) in enumerate(cases)
]


@pytest.mark.parametrize(("kind", "subject", "test", "ok", "says"), CASES)
def test_a_fault_is_seen(kind, subject, test, ok, says):
    (check,) = [check for check in kind.CHECKS if name_of(check) == test]
    found = finding(check, subject)
    assert found.ok is ok, found.what
    assert says in found.what
    assert "\n" not in found.what


@pytest.mark.parametrize("kind", [backbone, inner_optimizer, learner], ids=lambda kind: kind.__name__.split(".")[-1])
def test_there_is_a_fault_for_every_test(kind):
    (cases,) = [cases for module, _, cases in KINDS if module is kind]
    assert {name_of(check) for check in kind.CHECKS} == {test for _, test, _, _ in cases}


def test_what_stands_on_a_failed_test_is_not_tried():
    subject = backbone.Backbone(faulty_backbones.no_module, ImageShape(1, 8, 8), 3)
    assert [one.name for one in findings(backbone.STAGES, subject)] == ["module"]
    subject = subject._replace(make=faulty_backbones.InPlace)
    assert "second derivatives" not in [one.name for one in findings(backbone.STAGES, subject)]


def test_a_fault_in_a_newcomers_file_is_told_with_its_line():
    subject = backbone.Backbone(faulty_backbones.Branch, ImageShape(1, 8, 8), 3)
    told = {one.name: one.what for one in findings(backbone.STAGES, subject)}["vmap equals loop"]
    assert "(faulty_backbones.py, line " in told
