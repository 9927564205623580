"""Random numbers as a pure function of a key: the same in a loop and under `vmap`, whatever else was drawn before.

SplitMix64 (Steele, Lea & Flood 2014) on torch's int64, whose arithmetic wraps around as uint64's does: bit for bit the
generator that episodes are drawn from.
"""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64
_FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
_SECOND = -7723592293110705685  # 0x94D049BB133111EB


class Noise(NamedTuple):
    """What a pass through a network draws its random numbers from. key: 0-dimensional int64, of a task; use: which of
    the task's passes it is, so that each has numbers of its own.
    """

    key: Tensor
    use: int


def split(key: Tensor, number: int) -> Tensor:
    """The key of branch `number` of a key: for each use a stream of its own. Both 0-dimensional int64."""
    step = _GOLDEN * (number + 1)
    return _mix(key + ((step + (1 << 63)) % (1 << 64) - (1 << 63)))  # a Python int does not wrap around by itself


def uniform(key: Tensor, shape: tuple[int, ...]) -> Tensor:
    """float64 in [0, 1), of the given shape."""
    counters = torch.arange(1, prod(shape) + 1, dtype=torch.int64, device=key.device)
    bits = _shift(_mix(key + counters * _GOLDEN), 11)  # 53 bits, all that a double holds
    return (bits.double() * 2.0**-53).reshape(shape)


def permutation(key: Tensor, count: int) -> Tensor:
    """0 to count - 1 in random order, int64 [count]."""
    return uniform(key, (count,)).argsort()


def _mix(bits: Tensor) -> Tensor:
    bits = (bits ^ _shift(bits, 30)) * _FIRST
    bits = (bits ^ _shift(bits, 27)) * _SECOND
    return bits ^ _shift(bits, 31)


def _shift(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right: torch's own brings the sign along."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
