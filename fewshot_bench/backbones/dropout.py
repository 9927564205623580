"""Dropout from given random numbers: torch.nn.functional's dropout functions with one more first argument, `uniform`.

uniform(shape) returns float64 numbers in [0, 1), new ones at each call. With None nothing is dropped. So a task's masks
depend on the task's key alone, in a loop and under `vmap`.
"""

from collections.abc import Callable

from torch import Tensor

from fewshot_bench.basics.errors import BenchError

Uniform = Callable[[tuple[int, ...]], Tensor]

_DROPPED = -1.7580993408473766  # SELU's value at minus infinity, what alpha dropout puts in (Klambauer et al. 2017)


def dropout(uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Sets each element to zero with probability p, and multiplies the others by 1 / (1 - p)."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim())


def dropout1d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels. x: [n, channels, length] or [channels, length]."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim() - 1)


def dropout2d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels. x: [n, channels, ...]; torch, too, takes the first of three axes for n."""
    return _dropped(uniform if training else None, x, p, inplace, 2)


def dropout3d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels. x: [n, channels, depth, height, width] or [channels, depth, height, width]."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim() - 3)


def alpha_dropout(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Sets each element to SELU's lowest value with probability p, then scales and shifts: N(0, 1) stays N(0, 1)."""
    out = _alpha_dropped(uniform if training else None, x, p, x.dim())
    return x.copy_(out) if inplace else out


def feature_alpha_dropout(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Alpha dropout of whole channels. x: [n, channels, ...]."""
    out = _alpha_dropped(uniform if training else None, x, p, 2)
    return x.copy_(out) if inplace else out


def rrelu(
    uniform: Uniform | None,
    x: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Leaky ReLU with a slope drawn for each element from [lower, upper); outside training, the slope is their mean."""
    mean = (lower + upper) / 2
    drawn = uniform is not None and training
    slope = lower + (upper - lower) * uniform(tuple(x.shape)).to(x.dtype) if drawn and uniform else mean
    out = x.where(x >= 0, x * slope)
    return x.copy_(out) if inplace else out


def bernoulli_(uniform: Uniform | None, x: Tensor, p: float | Tensor = 0.5, *, generator: object = None) -> Tensor:
    """A new tensor of ones with probability p, else zeros. Stochastic depth multiplies a branch by it.

    x itself becomes NaN, so that it cannot be taken for the result: it may be shared by all tasks, and the numbers are
    not. Raises BenchError if `uniform` is None.
    """
    if uniform is None:
        raise BenchError(
            "the network draws random numbers in evaluation too; there it has to be a function of its input."
        )
    x.fill_(float("nan"))
    return (uniform(tuple(x.shape)) < p).to(x.dtype)


def _dropped(uniform: Uniform | None, x: Tensor, p: float, inplace: bool, own: int) -> Tensor:
    """own: number of leading axes with a draw for each index. The other axes share it."""
    if uniform is None or p == 0:
        return x
    kept = _kept(uniform, x, p, own).to(x.dtype) / (1 - p if p < 1 else 1)
    return x.mul_(kept) if inplace else x * kept


def _alpha_dropped(uniform: Uniform | None, x: Tensor, p: float, own: int) -> Tensor:
    if uniform is None or p == 0:
        return x
    if p == 1:
        return x * 0
    scale = ((1 - p) * (1 + p * _DROPPED**2)) ** -0.5
    return x.where(_kept(uniform, x, p, own), _DROPPED) * scale - scale * p * _DROPPED


def _kept(uniform: Uniform, x: Tensor, p: float, own: int) -> Tensor:
    return uniform((*x.shape[:own], *(1 for _ in x.shape[own:]))) >= p
