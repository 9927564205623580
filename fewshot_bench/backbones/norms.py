"""Batch, instance and layer norm from elementary operations, with exact second derivatives.

torch's fused layers have right second derivatives inside `vmap`, and silently wrong ones from outside it: with batch
norm, a meta-gradient is off by several percent. Some have no gradient under `vmap` at all. torch's group norm and RMS
norm are right, so they are not replaced.

The functions take torch.nn.functional's arguments and replace its functions of the same names.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from fewshot_bench.basics.errors import BenchError

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""The layers whose parameters are gains and shifts; _NormBase is batch and instance norm."""


def with_batch_statistics(module: nn.Module) -> nn.Module:
    """Removes the running statistics of all batch and instance norms of `module`, in place, and returns it.

    The layers then use the statistics of the current batch or image, in training and in evaluation. For batch norm this
    is the paper's protocol: the query set is normalised by itself. It is also the only kind that is a function of
    weights and batch alone. Parameters, their names and their order do not change.
    """
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    return module


@contextmanager
def temporary_batch_statistics(module: nn.Module) -> Iterator[None]:
    """Removes running statistics from `module` within the block, and restores them afterwards."""
    kept = ("track_running_stats", "running_mean", "running_var", "num_batches_tracked")
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._NormBase)]
    before = [{name: getattr(layer, name) for name in kept} for layer in norms]
    with_batch_statistics(module)
    try:
        yield
    finally:
        for layer, values in zip(norms, before, strict=True):
            for name, value in values.items():
                setattr(layer, name, value)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel over batch and space. x: [n, channels, ...]; the result has the same shape.

    Raises BenchError if running statistics would change. Those of nn.BatchNorm are removed before, so these are the
    network's own.
    """
    shape = (1, -1, *(1 for _ in range(2, x.dim())))
    weight, bias = _shaped(weight, shape), _shaped(bias, shape)
    if running_mean is not None and running_var is not None:
        _refuse_if(training)
        scale = (running_var.view(shape) + eps).rsqrt()
        return _scaled(x - running_mean.view(shape), scale, weight, bias)
    return _normalised(x, (0, *range(2, x.dim())), eps, weight, bias)


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel of each image over space. x and result: [n, channels, ...]. Raises as `batch_norm`."""
    if running_mean is not None and not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    _refuse_if(running_mean is not None)
    shape = (1, -1, *(1 for _ in range(2, x.dim())))
    return _normalised(x, tuple(range(2, x.dim())), eps, _shaped(weight, shape), _shaped(bias, shape))


def layer_norm(
    x: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises over the last axes. x: [..., *normalized_shape]; the result has the same shape."""
    return _normalised(x, tuple(range(-len(normalized_shape), 0)), eps, weight, bias)


def _normalised(x: Tensor, axes: tuple[int, ...], eps: float, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Mean 0 and variance 1 over `axes`, then gain and shift, which broadcast."""
    centred = x - x.mean(axes, keepdim=True)
    return _scaled(centred, ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt(), weight, bias)


def _scaled(centred: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    out = centred * (scale if weight is None else scale * weight)
    return out if bias is None else out + bias


def _shaped(vector: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    return None if vector is None else vector.view(shape)


def _refuse_if(changes: bool) -> None:
    if changes:
        raise BenchError(
            "the network keeps running statistics of its own, so what it computes depends on the batches before. Let "
            "nn.BatchNorm2d do it (it goes by batch statistics here), or pass no running mean and variance."
        )
