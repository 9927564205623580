"""Dropout that draws from what it is given: the functions of torch.nn.functional with `uniform` before their arguments.

uniform(shape) -> float64 in [0, 1), other numbers at each call; None: nothing is dropped.
"""

from collections.abc import Callable

from torch import Tensor

from fewshot_bench.basics.errors import BenchError

Uniform = Callable[[tuple[int, ...]], Tensor]

_DROPPED = -1.7580993408473766  # SELU's value at minus infinity, what alpha dropout puts in (Klambauer et al. 2017)


def dropout(uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zero with probability p, the others times 1 / (1 - p)."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim())


def dropout1d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """The same for whole channels. x: [n, channels, length] or [channels, length]."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim() - 1)


def dropout2d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """The same. x: [n, channels, ...], as torch reads three axes too."""
    return _dropped(uniform if training else None, x, p, inplace, 2)


def dropout3d(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """The same. x: [n, channels, depth, height, width] or [channels, depth, height, width]."""
    return _dropped(uniform if training else None, x, p, inplace, x.dim() - 3)


def alpha_dropout(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Each element SELU's lowest value with probability p; then scaled and shifted, so that N(0, 1) stays N(0, 1)."""
    out = _alpha_dropped(uniform if training else None, x, p, x.dim())
    return x.copy_(out) if inplace else out


def feature_alpha_dropout(
    uniform: Uniform | None, x: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """The same for whole channels. x: [n, channels, ...]."""
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
    """Leaky ReLU with a slope for each element, drawn from [lower, upper); their mean outside training."""
    mean = (lower + upper) / 2
    drawn = uniform is not None and training
    slope = lower + (upper - lower) * uniform(tuple(x.shape)).to(x.dtype) if drawn and uniform else mean
    out = x.where(x >= 0, x * slope)
    return x.copy_(out) if inplace else out


def bernoulli_(uniform: Uniform | None, x: Tensor, p: float | Tensor = 0.5, *, generator: object = None) -> Tensor:
    """Ones with probability p, else zeros, in a new tensor: what stochastic depth multiplies a branch with.

    x itself, which may be the same for all tasks where the numbers are not, becomes NaN: nobody can take it for the
    result. Raises BenchError where there is nothing to draw from.
    """
    if uniform is None:
        raise BenchError(
            "the network draws random numbers in evaluation too; there it has to be a function of its input."
        )
    x.fill_(float("nan"))
    return (uniform(tuple(x.shape)) < p).to(x.dtype)


def _dropped(uniform: Uniform | None, x: Tensor, p: float, inplace: bool, own: int) -> Tensor:
    """own: so many leading axes have a draw for each index, the others share it."""
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
