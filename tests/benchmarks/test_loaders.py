"""Loaders are timed on whole batches of the right work, and a peer that cannot take part is told."""

from contextlib import contextmanager

import pytest
import torch

from benchmarks import episodes
from benchmarks.loaders import Loader


def loader(make):
    """A loader whose batches `make` makes, and the list of batches asked for."""
    asked = []

    @contextmanager
    def opened(batch):
        yield lambda: (asked.append(batch), make(batch))[1]

    return Loader("made up", opened), asked


def test_a_rate_counts_the_tasks_of_timed_batches(monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr(episodes.time, "perf_counter", lambda: next(ticks) / 10)
    made, asked = loader(lambda batch: {"train": torch.rand(batch, 5, 1, 28, 28), "test": torch.rand(5 * batch, 784)})
    rate = episodes.rate(made, 7, seconds=0.35)
    assert asked == [7] * (episodes.UNTIMED + 3)
    assert rate == pytest.approx(3 * 7 / 0.5)


@pytest.mark.parametrize(
    "images",
    [torch.rand(2, 9, 784), torch.rand(2, 10, 784, dtype=torch.float64), torch.rand(2, 10, 784) * 255],
    ids=["too few", "float64", "bytes"],
)
def test_other_work_is_not_timed(images):
    with pytest.raises(ValueError, match="not"):
        episodes.rate(loader(lambda batch: images)[0], 2, seconds=0.0)


def test_the_command_measures_what_is_there_and_names_what_is_not(pattern_data, capsys):
    episodes.main(["--data-dir", str(pattern_data), "--rounds", "1", "--seconds", "0.001", "--batches", "1", "8"])
    printed = capsys.readouterr().out
    assert printed.count("Left out:") == 2  # no library, or no zip files in this folder
    assert printed.count("| this package |") == 2
