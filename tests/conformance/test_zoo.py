"""What `check` passes, `run` runs; and what `run` cannot run, it refuses before any work, as `check` does."""

import pytest

from fewshot_bench.api.grids import run_grid
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance import backbone, shared_checks
from fewshot_bench.conformance.findings import findings
from tests.conformance import zoo
from tests.tiny import tiny_grid

pytestmark = pytest.mark.filterwarnings(
    "ignore:There is a performance drop",
    "ignore:None of the inputs have requires_grad",
    "ignore:`torch.nn.utils.weight_norm` is deprecated",
)

IMAGE, WAYS = ImageShape(1, 28, 28), 3


def grid(name):
    return tiny_grid(
        grid={"ways": [WAYS], "backbone": ["tests.conformance.zoo:network"]},
        backbones={"tests.conformance.zoo:network": {"name": name}},
        training={"iterations": 1, "iterations_per_epoch": 1, "inner_steps": 1},
        evaluation={"tasks": 2, "both_batch_norms": True},
    )


def failed(name):
    """What `check` says of a network, test by test, where it is no more than a note."""
    subject = backbone.Backbone(zoo.NETWORKS[name], IMAGE, WAYS)
    return {one.name: one.what for one in findings(backbone.STAGES, subject) if one.ok is False}


@pytest.fixture(autouse=True)
def recorded_once(monkeypatch):
    """The check `traced` has recorded its meta-gradient; to record it in `run` again takes as long as the rest."""
    monkeypatch.setattr("fewshot_bench.conformance.shared_checks.PLANS", shared_checks.PLANS[:1])


def test_there_are_thirty_networks_and_more():
    assert len(zoo.NETWORKS) >= 30


@pytest.mark.parametrize("name", zoo.RUN)
def test_what_check_passes_run_runs(name, pattern_data, tmp_path):
    assert failed(name) == {}
    (folder,) = run_grid(grid(name), tmp_path, data_dir=pattern_data)
    assert (folder / "result.json").is_file()


@pytest.mark.parametrize("name", zoo.REFUSED)
def test_what_cannot_run_is_refused_by_both_before_any_work(name, pattern_data, tmp_path):
    _, reason = zoo.REFUSED[name]
    with pytest.raises(BenchError) as refused:
        run_grid(grid(name), tmp_path, data_dir=pattern_data)
    assert reason in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert any(reason in what for what in failed(name).values())
