"""The fused max-pooling is torch's, to the second derivative, equal numbers included."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap

from fewshot_bench.backbones.fused.pooling import max_pool2d
from tests.backbones.fused.derivatives import close, derivatives, derivatives_inside, draw, vmap_equals_loop

CASES = {
    "halves": ((2, 3, 6, 4), {"kernel_size": 2}),
    "thirds": ((2, 3, 7, 6), {"kernel_size": 3}),
    "odd sizes": ((2, 3, 5, 7), {"kernel_size": 2}),
    "one channel": ((2, 1, 5, 4), {"kernel_size": 2}),
    "overlapping": ((2, 3, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "general": ((2, 2, 9, 8), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (2, 1)}),
    "ceil": ((2, 2, 7, 6), {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
}


@pytest.fixture(params=["on a CPU", "elsewhere"], autouse=True)
def layout(request, monkeypatch):
    """Elsewhere tensors stay in the order they have."""
    if request.param == "elsewhere":
        monkeypatch.setattr("fewshot_bench.backbones.fused.pooling.in_fast_order", lambda tensor: tensor)


@pytest.mark.parametrize("ties", [False, True], ids=["", "ties"])
@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives_are_torchs(case, ties):
    shape, options = CASES[case]
    x = draw(*shape).round() if ties else draw(*shape)
    ours, theirs = (derivatives(lambda x, p=pool: p(x, **options).sin(), (x,)) for pool in (max_pool2d, F.max_pool2d))
    assert all(close(one, other) for one, other in zip(ours, theirs, strict=True))


def test_by_finite_differences():
    x = torch.randperm(2 * 2 * 5 * 6).double().view(2, 2, 5, 6).requires_grad_()
    for case in ("halves", "overlapping"):
        assert gradcheck(lambda x, case=case: max_pool2d(x, **CASES[case][1]), (x,))
        assert gradgradcheck(lambda x, case=case: max_pool2d(x, **CASES[case][1]), (x,))


@pytest.mark.parametrize("case", ["odd sizes", "overlapping"])
def test_vmap_is_a_loop(case):
    shape, options = CASES[case]
    vmap_equals_loop(lambda x: max_pool2d(x, **options), (draw(*shape),))


def test_vmap_in_vmap_and_inside_a_gradient():
    x, pool = draw(2, 3, 2, 2, 5, 4), partial(max_pool2d, kernel_size=2)
    one = lambda x: derivatives_inside(pool, (x,))  # noqa: E731
    ours = vmap(vmap(one))(x)
    for replica, task in ((0, 0), (1, 2)):
        assert all(close(a[replica, task], b) for a, b in zip(ours, one(x[replica, task]), strict=True))
    ours, theirs = derivatives(vmap(pool), (x[0],)), derivatives(vmap(partial(F.max_pool2d, kernel_size=2)), (x[0],))
    assert all(close(a, b) for a, b in zip(ours, theirs, strict=True))


def test_what_falls_through_to_torch():
    x = draw(2, 3, 4, 4)
    values, places = max_pool2d(x, 2, return_indices=True)
    assert torch.equal(values, F.max_pool2d(x, 2))
    assert places.dtype == torch.int64
    assert torch.equal(max_pool2d(x[0], 2), F.max_pool2d(x[0], 2))
