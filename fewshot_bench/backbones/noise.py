"""Random numbers as a pure function of a key. They are the same in a loop and under `vmap`, in any order of draws.

The generator is SplitMix64 (Steele, Lea & Flood 2014) on torch's int64, whose arithmetic wraps around like uint64's. It
gives the same bits as the generator of tasks (basics/seeds.py).
"""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64
_FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
_SECOND = -7723592293110705685  # 0x94D049BB133111EB


class Noise(NamedTuple):
    """The source of random numbers of one pass through a network.

    key: the task's, 0-dimensional int64. use: the number of the pass within the task; each pass has its own numbers.
    """

    key: Tensor
    use: int


def split(key: Tensor, number: int) -> Tensor:
    """The key of branch `number` of a key, with a stream of its own. Both keys are 0-dimensional int64."""
    step = _GOLDEN * (number + 1)
    return _mix(key + ((step + (1 << 63)) % (1 << 64) - (1 << 63)))  # a Python int does not wrap around by itself


def uniform(key: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Random numbers in [0, 1), float64 of the given shape."""
    counters = torch.arange(1, prod(shape) + 1, dtype=torch.int64, device=key.device)
    bits = _shift(_mix(key + counters * _GOLDEN), 11)  # 53 bits, all that a double holds
    return (bits.double() * 2.0**-53).reshape(shape)


def permutation(key: Tensor, count: int) -> Tensor:
    """The numbers 0 to count - 1 in random order, int64 [count]."""
    return uniform(key, (count,)).argsort()


def _mix(bits: Tensor) -> Tensor:
    bits = (bits ^ _shift(bits, 30)) * _FIRST
    bits = (bits ^ _shift(bits, 27)) * _SECOND
    return bits ^ _shift(bits, 31)


def _shift(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right; torch's own shift keeps the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
