"""Sine waves are drawn as Finn et al. 2017 say, and a task is a pure function of its number."""

from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.cli.main import run_command
from fewshot_bench.data.dataset import DrawnTasks
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.tasks import TaskShape

SHAPE = TaskShape(ways=1, shots=10, queries=30)


def drawn(indices: object, shape: TaskShape = SHAPE, key: str = "key", **options: float) -> DrawnTasks:
    draw = dataset_named("sinusoid", tuple(options.items())).draw_tasks
    assert draw is not None
    return draw(key, np.asarray(indices), shape)


def test_points_lie_on_a_sine_wave_of_the_published_ranges() -> None:
    """Amplitude and phase are recovered from y = s sin x + c cos x by least squares."""
    tasks = drawn(np.arange(4000))
    x, y = tasks.x.reshape(4000, 40).astype(np.float64), tasks.y[..., 0].astype(np.float64)
    assert tasks.x.shape == (4000, 40, 1, 1, 1)
    assert (np.abs(x) <= 5).all()
    sines = np.stack([np.sin(x), np.cos(x)], axis=-1)
    found = np.linalg.solve(
        np.einsum("tni,tnj->tij", sines, sines), np.einsum("tni,tn->ti", sines, y)[..., None]
    ).squeeze(-1)
    assert np.abs(np.einsum("tni,ti->tn", sines, found) - y).max() < 1e-4  # float32
    amplitude, phase = np.hypot(*found.T), np.arctan2(-found[:, 1], found[:, 0])
    for values, low, high in ((amplitude, 0.1, 5.0), (phase, 0.0, np.pi), (x.ravel(), -5.0, 5.0)):
        assert values.min() > low - 1e-4
        assert values.max() < high + 1e-4
        standard_error = (high - low) / np.sqrt(12 * len(values))
        assert abs(values.mean() - (low + high) / 2) < 5 * standard_error


def test_a_task_is_the_same_in_any_batch_and_with_any_number_of_queries() -> None:
    whole, two = drawn(np.arange(50)), drawn([42, 7])
    np.testing.assert_array_equal(whole.x[[42, 7]], two.x)
    fewer = drawn([42, 7], SHAPE._replace(queries=1))
    np.testing.assert_array_equal(fewer.y, two.y[:, :11])
    assert (drawn([0], key="other").y != drawn([0]).y).all()


def test_its_options_are_ranges() -> None:
    assert np.abs(drawn(np.arange(500), largest=0.2).y).max() <= 0.2
    with pytest.raises(BenchError, match="smallest"):
        dataset_named("sinusoid", (("smallest", 6.0),))


def test_it_has_no_images_to_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = dataset_named("sinusoid")
    pool = open_pool(known, tmp_path)
    assert len(pool.images) == len(pool.classes) == 0
    assert run_command(["data", "list", "--data-dir", str(tmp_path)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("sinusoid"))
    assert line == "sinusoid: tasks are drawn, no data needed; splits drawn"
    with pytest.raises(DataError, match="sinusoid needs no data: its tasks are drawn"):
        run_command(["data", "get", "sinusoid", "--data-dir", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []
