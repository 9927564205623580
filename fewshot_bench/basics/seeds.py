"""Seeds as a function of named axes, and random numbers as a function of a seed and a counter.

There is no running state. An axis that a seed leaves out cannot change what is drawn, and number i needs no numbers
before it.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))  # of SplitMix64


def seed_for(*axes: str | int) -> int:
    """A 63-bit seed that depends on `axes` alone, e.g. seed_for("episodes", "omniglot", "gimli", "train", 0)."""
    text = "\x1f".join(str(axis) for axis in axes)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def bits(key: int, counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 random bits for each counter: output number `counter` of SplitMix64 (Steele et al. 2014) seeded with `key`."""
    with np.errstate(over="ignore"):
        z = (counter + np.uint64(1)) * _GOLDEN + np.uint64(key)
        for shift, factor in _MIX:
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        return z ^ (z >> np.uint64(31))


def uniform(key: int, counter: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A number in [0, 1) with 53 random bits for each counter."""
    return (bits(key, counter) >> np.uint64(11)).astype(np.float64) * 2.0**-53


Bound = int | NDArray[np.int64]
"""One bound for all counters, or one for each."""


def below(key: int, counter: NDArray[np.uint64], bound: Bound) -> NDArray[np.int64]:
    """An integer in [0, bound) for each counter, from the upper 32 bits; probabilities are uniform to bound / 2^32."""
    upper = bits(key, counter) >> np.uint64(32)
    return ((upper * np.asarray(bound).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def distinct(key: int, counter: NDArray[np.uint64], count: int, total: Bound) -> NDArray[np.int64]:
    """`count` different integers of [0, total), in random order, for each counter [n]: result [n, count].

    `total` has to be at least `count`, which is not checked. They are drawn one after another, so a larger count keeps
    the first ones. Draw j uses counter + j.
    """
    drawn = np.empty((*counter.shape, count), dtype=np.int64)
    in_order = np.empty_like(drawn)
    for j in range(count):
        value = below(key, counter + np.uint64(j), total - j)
        for i in range(j):  # skip the values drawn before, smallest first
            value += value >= in_order[..., i]
        drawn[..., j] = value
        in_order[..., j] = value
        for i in range(j, 0, -1):
            high, low = (
                np.maximum(in_order[..., i - 1], in_order[..., i]),
                np.minimum(in_order[..., i - 1], in_order[..., i]),
            )
            in_order[..., i - 1], in_order[..., i] = low, high
    return drawn
