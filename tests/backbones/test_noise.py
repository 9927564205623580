"""Random numbers of a key: SplitMix64 bit for bit, in every layout, and as uniform as they have to be."""

import numpy as np
import pytest
import torch
from torch.func import vmap

from fewshot_bench.backbones.noise import permutation, split, uniform
from fewshot_bench.basics.seeds import bits

KEYS = [0, 1, -5, 2**62, -(2**63), 0xDEADBEEFCAFEBABE - 2**64]


def key(value: int) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.int64)


@pytest.mark.parametrize("value", KEYS)
def test_draws_are_the_upper_bits_that_episodes_are_drawn_from(value):
    expected = bits(value % 2**64, np.arange(1000, dtype=np.uint64)) >> np.uint64(11)
    assert np.array_equal(uniform(key(value), (10, 100)).numpy().ravel(), expected.astype(np.float64) * 2.0**-53)


@pytest.mark.parametrize("value", KEYS)
@pytest.mark.parametrize("number", [0, 1, 2, 7, 1 << 20, 10**12])
def test_branches_are_outputs_of_the_generator(value, number):
    """With numbers, too, at which a product of Python ints leaves 64 bits."""
    expected = bits(value % 2**64, np.array([number], dtype=np.uint64))[0]
    assert int(split(key(value), number)) % 2**64 == int(expected)


@pytest.mark.parametrize(
    "draw", [lambda k: uniform(k, (3, 4)), lambda k: split(k, 5), lambda k: permutation(split(k, 1), 10)]
)
def test_vmap_equals_the_loop(draw):
    keys = torch.tensor(KEYS)
    assert torch.equal(vmap(draw)(keys), torch.stack([draw(one) for one in keys]))


def test_branches_of_branches_share_no_number():
    """As dropout uses them: passes of a task, layers of a pass, elements of a layer."""
    task = key(7919)
    drawn = torch.stack(
        [uniform(split(split(task, use), layer), (100,)) for use in range(10) for layer in range(10)]
        + [uniform(task, (100,))]
    )
    assert drawn.unique().numel() == drawn.numel()


def test_draws_are_uniform_and_branches_independent():
    """Chi-squared of 64 bins, and correlations, within 5 standard deviations; the numbers are always the same."""
    n, bins = 1 << 16, 64
    first, second = uniform(split(key(1), 0), (n,)), uniform(split(key(1), 1), (n,))
    for drawn in (first, second, (first + second) % 1):
        assert 0 <= float(drawn.min()) <= float(drawn.max()) < 1
        counts = torch.histc(drawn, bins, 0, 1)
        statistic = float(((counts - n / bins) ** 2).sum() * bins / n)
        assert abs(statistic - (bins - 1)) < 5 * (2 * (bins - 1)) ** 0.5
    for left, right in ((first, second), (first[1:], first[:-1])):
        assert abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1])) < 5 / n**0.5


def test_permutations_hold_everything_once_and_each_first_as_often():
    drawn = torch.stack([permutation(split(key(2), number), 5) for number in range(500)])
    assert torch.equal(drawn.sort().values, torch.arange(5).expand(500, -1))
    assert bool(((drawn[:, 0].bincount() - 100).abs() < 5 * (100 * 0.8) ** 0.5).all())
