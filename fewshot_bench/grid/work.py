"""What computing takes beside time: numbers that add up, from which rates make seconds."""

from typing import NamedTuple


class Work(NamedTuple):
    """Of many tasks. written: numbers that passes through a network write; tensors, weights: how many are learned, once
    for each product that is taken with every layer.
    """

    flop: float
    written: float
    tensors: float
    weights: float


NOTHING = Work(0, 0, 0, 0)


def plus(one: Work, other: Work) -> Work:
    return Work(*(a + b for a, b in zip(one, other, strict=True)))


def times(number: float, work: Work) -> Work:
    return Work(*(number * part for part in work))
