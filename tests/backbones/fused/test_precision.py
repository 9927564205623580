"""In single precision the fused functions are as good as the elementary ones."""

from functools import partial

import torch

from fewshot_bench.backbones import norms
from fewshot_bench.backbones.fused.batch_norm import batch_norm


def test_batch_norm():
    """Over thousands of numbers whose mean is not small: value, first and second derivatives.

    torch's own kernels for channels-last images on a CPU are about ten times further off.
    """
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, dtype=torch.float64, generator=generator)
    x, along, u = (draw(5, 16, 28, 28) + mean for mean in (2, 1, 1))
    gain, shift = draw(16), draw(16)

    def found(norm, dtype):
        given = [tensor.to(dtype).requires_grad_() for tensor in (x, gain, shift)]
        y = norm(given[0], None, None, given[1], given[2])
        first = torch.autograd.grad(y, given, along.to(dtype), create_graph=True)
        second = torch.autograd.grad(first[0], given[:2], u.to(dtype))
        return [tensor.detach() for tensor in (y, *first, *second)]

    exact = found(norms.batch_norm, torch.float64)
    fused, elementary = (found(norm, torch.float32) for norm in (batch_norm, norms.batch_norm))
    for ours, theirs, known in zip(fused, elementary, exact, strict=True):
        assert (ours - known).norm() <= 3 * (theirs - known).norm()
        assert (ours - known).norm() <= 2e-5 * known.norm()
