"""Batch norm from elementary operations: exact wherever it is differentiated twice, in every layout."""

import torch
from torch import Tensor, nn


class BatchStatistics(nn.Module):
    """Batch norm by the statistics of the batch at hand, in training and in test alike (no running averages).

    x: [n, channels, ...] -> the same shape. torch's fused batch norm is right when differentiated twice inside vmap and
    silently wrong from outside it (a meta-gradient off by several percent); these few operations are right in both.
    """

    def __init__(self, channels: int, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.dim()))
        shape = (1, -1, *(1 for _ in range(2, x.dim())))
        centred = x - x.mean(axes, keepdim=True)
        scale = ((centred * centred).mean(axes, keepdim=True) + self.eps).rsqrt()
        if self.weight is None or self.bias is None:
            return centred * scale
        return centred * (scale * self.weight.view(shape)) + self.bias.view(shape)


def with_batch_statistics(module: nn.Module) -> nn.Module:
    """`module` with each of its batch norms replaced, in place, by BatchStatistics holding the same affine parameters.

    Names and order of parameters stay as they were. This is the paper's protocol (batch norm always in training mode,
    so that the query set is normalised by itself) and the only kind that is a function of weights and batch alone.
    """
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return _same_norm(module)
    for name, child in module.named_children():
        setattr(module, name, with_batch_statistics(child))
    return module


def _same_norm(norm: nn.modules.batchnorm._BatchNorm) -> BatchStatistics:
    made = BatchStatistics(norm.num_features, norm.eps, norm.affine)
    if norm.affine:
        made.weight, made.bias = norm.weight, norm.bias
    return made


NORMS = (BatchStatistics, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)
"""The layers whose parameters are gains and shifts."""
