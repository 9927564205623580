"""Seeds depend on their axes alone; random numbers on their seed and counter alone, and they are fair."""

import numpy as np

from fewshot_bench.basics.seeds import below, bits, distinct, seed_for


def test_seeds_depend_on_their_axes_alone():
    assert seed_for("init", "vgg", 0) == seed_for("init", "vgg", 0)
    assert len({seed_for("init", "vgg", 0), seed_for("init", "vgg", 1), seed_for("init", "vg", "g0")}) == 3


def test_bits_are_splitmix64():
    """The first outputs of the reference implementation for seed 1234567."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert bits(1234567, np.arange(3, dtype=np.uint64)).tolist() == expected


def test_below_is_uniform():
    counts = np.bincount(below(7, np.arange(70_000, dtype=np.uint64), 7), minlength=7)
    assert counts.size == 7
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 22.5  # chi-squared with 6 degrees of freedom, p = 0.001


def test_distinct_is_a_uniform_ordered_sample():
    drawn = distinct(11, np.arange(60_000, dtype=np.uint64) * np.uint64(16), 3, 5)
    assert all(len(set(row)) == 3 for row in drawn[:2000].tolist())
    _, counts = np.unique(drawn @ np.array([25, 5, 1]), return_counts=True)
    assert counts.size == 60
    assert ((counts - 1000) ** 2 / 1000).sum() < 98.3  # 59 degrees of freedom, p = 0.001
