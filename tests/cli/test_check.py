"""`check`: a line a test, and an exit status that a script can use."""

import sys
from pathlib import Path

import pytest

from fewshot_bench.cli.main import main
from fewshot_bench.conformance import backbone, dataset, inner_optimizer
from fewshot_bench.conformance.findings import name_of

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"


@pytest.fixture
def faulty(monkeypatch):
    """Import paths begin in the folder of the faulty examples."""
    monkeypatch.chdir(CONFORMANCE)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_what_is_right(capsys):
    assert main(["check", "backbone", "vgg", "filters=4", "stages=2", "--ways", "2", "--dataset", "glyphs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6].strip() for line in lines[:-1]] == ["ok"] * len(backbone.CHECKS)
    assert [line[6:32].strip() for line in lines[:-1]] == [name_of(check) for check in backbone.CHECKS]
    assert lines[-1] == f"{len(backbone.CHECKS)} tests, nothing failed"
    weights = (1 * 9 + 1) * 4 + 2 * 4 + (4 * 9 + 1) * 4 + 2 * 4 + (4 * 7 * 7 + 1) * 2
    assert f"{weights} weights in 10 tensors" in lines[0]


def test_options_reach_it(capsys):
    assert main(["check", "inner-optimizer", "sgd", "momentum=0.9", "nesterov=true"]) == 0
    assert "can learn lr, momentum" in capsys.readouterr().out


def test_a_dataset_and_its_options(tmp_path, capsys):
    words = ["check", "dataset", "tests.own_datasets:birds", "size=12", "images=3", "--data-dir", str(tmp_path)]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "12 classes, images of 3 x 12 x 12" in lines[0]
    assert lines[-1] == f"{len(dataset.CHECKS)} tests, nothing failed"
    assert not list(tmp_path.iterdir())
    assert main(["check", "dataset", "tests.own_datasets:other_shape", "--data-dir", str(tmp_path)]) == 1
    assert "fails pool                      dataset 'tests.own_datasets:other_shape': `shape` is 3x10x10" in (
        capsys.readouterr().out
    )
    assert not list(tmp_path.iterdir())


def test_a_backbone_on_images_of_ones_own(capsys):
    assert main(["check", "backbone", "vgg", "filters=4", "stages=2", "--dataset", "tests.own_datasets:birds"]) == 0
    weights = (3 * 9 + 1) * 4 + 2 * 4 + (4 * 9 + 1) * 4 + 2 * 4 + (4 * 2 * 2 + 1) * 5
    assert f"{weights} weights" in capsys.readouterr().out


def test_what_is_wrong(faulty, capsys):
    assert main(["check", "inner-optimizer", "faulty_inner_optimizers:remembering"]) == 1
    out = capsys.readouterr().out
    assert "\nfails pure functions            step: given the same once more it gives another result" in out
    assert "1 of 7 tests failed; not tried: 7 tests" in out
    assert main(["check", "inner-optimizer", "adam-higher2019"]) == 1
    out = capsys.readouterr().out
    assert "\nfails derivatives               slopes along beta2, " in out
    assert f"1 of {len(inner_optimizer.CHECKS)} tests failed\n" in out


def test_a_note_is_no_fault(faulty, capsys):
    assert main(["check", "backbone", "faulty_backbones:headless", "--ways", "2"]) == 0
    assert capsys.readouterr().out.startswith("note  module ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["backbone", "vgt"], "unknown backbone 'vgt' (did you mean 'vgg'?)"),
        (["inner-optimizer", "adm"], "unknown inner optimizer 'adm' (did you mean 'adam'?)"),
        (["learner", "no_such_module:x"], "importing no_such_module failed"),
        (["learner", "json:x"], "json has no 'x'"),
        (["backbone", "vgg", "filtres=4"], "vgg: nothing reads the key 'filtres' (did you mean 'filters'?)"),
        (["backbone", "vgg", "filters=many"], "vgg: `filters` is 'many', but has to be a whole number"),
        (["backbone", "vgg", "filters"], "'filters' is no assignment"),
        (["backbone", "vgg", "--dataset", "cifar"], "unknown dataset 'cifar'"),
        (["backbone", "vgg", "--ways", "1"], "--ways is 1, but has to be at least 2"),
        (["learner", "maml", "--ways", "3"], "--ways and --dataset are for backbones"),
        (["learner", "maml", "--data-dir", "x"], "--data-dir is for datasets, and maml is tested as a learner"),
        (["dataset", "omniglott"], "unknown dataset 'omniglott' (did you mean 'omniglot'?)"),
        (["dataset", "tests.own_datasets:birds", "sise=9"], "nothing reads the key 'sise' (did you mean 'size'?)"),
        (["dataset", "tests.own_datasets:birds", "size=wide"], "`size` is 'wide', but has to be a whole number"),
    ],
)
def test_a_mistake_is_a_sentence(words, says, capsys):
    assert main(["check", *words]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert says in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


def test_what_cannot_be_made_with_its_options_fails(capsys):
    assert main(["check", "inner-optimizer", "sgd", "nesterov=true"]) == 1
    assert (
        "fails contract                  ValueError: `nesterov` needs a `momentum` above 0" in capsys.readouterr().out
    )


def test_an_unknown_kind_is_told(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["check", "optimizer", "sgd"])
    assert stopped.value.code == 2
