"""The fused batch norm is the elementary one, to the third derivative."""

from functools import partial

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap

from fewshot_bench.backbones import norms
from fewshot_bench.backbones.fused.batch_norm import batch_norm
from fewshot_bench.basics.errors import BenchError
from tests.backbones.fused.derivatives import close, derivatives, derivatives_inside, draw, vmap_equals_loop

SHAPES = [(6, 3), (6, 3, 7), (4, 3, 5, 4), (2, 3, 3, 2, 4)]


def with_affine(norm, x, weight=None, bias=None, eps=1e-3):
    return norm(x, None, None, weight, bias, True, 0.1, eps)


@pytest.fixture(params=["plain", "native"], autouse=True)
def kernels(request, monkeypatch):
    """Both ways: what is computed on a CPU, and, on a CPU too, what is on other devices."""
    if request.param == "native":
        monkeypatch.setattr("fewshot_bench.backbones.fused.batch_norm.PLAIN", ())


@pytest.mark.parametrize("affine", [2, 1, 0], ids=["both", "gain", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_derivatives_are_the_elementary_ones(shape, affine):
    inputs = (draw(*shape), *(draw(3) for _ in range(affine)))
    ours, known = (derivatives(partial(with_affine, norm), inputs) for norm in (batch_norm, norms.batch_norm))
    assert all(close(one, other) for one, other in zip(ours, known, strict=True))


def test_by_finite_differences():
    inputs = tuple(t.requires_grad_() for t in (draw(3, 2, 2, 3), draw(2), draw(2)))
    assert gradcheck(partial(with_affine, batch_norm), inputs)
    assert gradgradcheck(partial(with_affine, batch_norm), inputs)


def test_third_derivative():
    def third(norm):
        def scalar(x, weight, bias):
            y = with_affine(norm, x, weight, bias)
            return (y**3 * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)).sum()

        def twice(*inputs):
            return sum((g**2).sum() for g in torch.func.grad(scalar, (0, 1, 2))(*inputs))

        def thrice(*inputs):
            return sum((g**2).sum() for g in torch.func.grad(twice, (0, 1, 2))(*inputs))

        return torch.func.grad(thrice, (0, 1, 2))(*inputs)

    inputs = draw(3, 2, 3, 2), draw(2), draw(2)
    assert all(close(a, b) for a, b in zip(third(batch_norm), third(norms.batch_norm), strict=True))


@pytest.mark.parametrize("shape", SHAPES[1:3], ids=str)
def test_vmap_is_a_loop(shape):
    vmap_equals_loop(partial(with_affine, batch_norm), (draw(*shape), draw(3), draw(3)))


def test_vmap_in_vmap():
    x, weight, bias = draw(2, 3, 4, 5, 3, 2), draw(2, 5), draw(3, 5)
    one = lambda *args: derivatives_inside(partial(with_affine, batch_norm), args)  # noqa: E731
    ours = vmap(vmap(one, (0, None, 0)), (0, 0, None))(x, weight, bias)
    for replica in range(2):
        for task in range(3):
            known = one(x[replica, task], weight[replica], bias[task])
            assert all(close(a[replica, task], b) for a, b in zip(ours, known, strict=True))


def test_vmap_inside_a_gradient():
    inputs = draw(3, 4, 2, 3), draw(3, 2), draw(3, 2)
    ours, known = (derivatives(vmap(partial(with_affine, n)), inputs) for n in (batch_norm, norms.batch_norm))
    assert all(close(one, other) for one, other in zip(ours, known, strict=True))


def test_constants_are_the_networks_own_and_may_not_change():
    x, mean, var = draw(4, 3, 5), draw(3), draw(3).exp()
    assert close(batch_norm(x, mean, var), norms.batch_norm(x, mean, var))
    with pytest.raises(BenchError, match="running statistics of its own"):
        batch_norm(x, mean, var, training=True)
