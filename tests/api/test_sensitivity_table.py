"""Intervals of differences, against what a thousand samples show."""

import numpy as np
import pytest

from fewshot_bench.api.sensitivity_table import mean_of, nested, paired


def test_a_mean_and_its_interval():
    found = mean_of(np.array([0.2, 0.4, 0.6, 1.0]))
    assert found.mean == pytest.approx(0.55)
    assert found.half == pytest.approx(1.96 * 0.34156502553198664 / 2)
    assert mean_of(np.array([0.5])) == (0.5, None)


def test_a_paired_difference_does_not_see_what_tasks_have_in_common():
    random = np.random.default_rng(0)
    hard = random.random(500)
    own = hard + 0.01 * random.random(500)
    found = paired(own + 0.1, own)
    assert found.mean == pytest.approx(0.1)
    assert found.half == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("count", "own"), [(90, 30), (30, 90), (31, 30)])
def test_nested_lists_of_tasks(count, own):
    """The difference is that of the means; its interval is as wide as a thousand samples scatter."""
    random = np.random.default_rng(0)
    samples = random.exponential(1.0, (1000, 90))
    found = [nested(values, count, own) for values in samples]
    means = samples[:, :count].mean(1) - samples[:, :own].mean(1)
    assert [one.mean for one in found] == pytest.approx(means.tolist())
    if abs(count - own) > 1:
        halves = np.array([one.half for one in found])
        assert np.sqrt((halves**2).mean()) == pytest.approx(1.96 * means.std(), rel=0.06)
    else:
        assert {one.half for one in found} == {None}  # of one more task nobody knows how it scatters


def test_the_same_list_is_no_difference():
    assert nested(np.arange(5.0), 5, 5) == (0, 0)
