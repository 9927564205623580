"""The fused convolution is torch's, to the second derivative, however weights are shared among tasks."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap

from fewshot_bench.backbones.fused import matrix_products
from fewshot_bench.backbones.fused.convolution import conv2d
from fewshot_bench.backbones.fused.geometry import Geometry
from tests.backbones.fused.derivatives import close, derivatives, derivatives_inside, draw, vmap_equals_loop

CASES = {
    "plain": ((2, 3, 5, 7), (4, 3, 3, 3), {}),
    "padded": ((2, 3, 5, 7), (4, 3, 3, 3), {"padding": 1}),
    "stride that leaves pixels over": ((2, 2, 6, 7), (3, 2, 3, 2), {"stride": 2, "padding": (1, 0)}),
    "strides": ((2, 2, 7, 8), (3, 2, 1, 3), {"stride": (3, 2), "padding": (0, 2)}),
    "dilation": ((2, 2, 7, 6), (3, 2, 3, 2), {"dilation": (2, 3), "padding": 2}),
    "dilation and stride": ((1, 2, 9, 8), (2, 2, 3, 3), {"dilation": 2, "stride": 2, "padding": 1}),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    "groups and stride": ((2, 4, 6, 5), (4, 1, 3, 3), {"groups": 4, "stride": 2, "padding": 1}),
    "one channel": ((2, 1, 6, 5), (3, 1, 3, 3), {"padding": 1}),
    "one by one, stride 2": ((2, 3, 5, 5), (4, 3, 1, 1), {"stride": 2}),
    "same": ((2, 3, 5, 4), (4, 3, 3, 3), {"padding": "same"}),
    "same, even kernel": ((2, 3, 5, 4), (4, 3, 2, 5), {"padding": "same", "dilation": (3, 1)}),
    "few pixels": ((2, 3, 1, 2), (16, 3, 3, 3), {"padding": 1}),
    "few pixels, all else": ((1, 2, 7, 6), (40, 2, 3, 2), {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2)}),
    "one by one, few pixels": ((1, 3, 4, 4), (16, 3, 1, 1), {"stride": 2}),
    "valid": ((2, 3, 5, 4), (4, 3, 3, 3), {"padding": "valid"}),
}
WAYS = ["loop", "grouped", "matmul"]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch's own, of even kernels
def test_value_and_derivatives_are_torchs(case, bias):
    image, kernel, options = CASES[case]
    inputs = (draw(*image), draw(*kernel), *([draw(kernel[0])] if bias else []))
    ours = derivatives(lambda *args: conv2d(*args, **options), inputs)
    theirs = derivatives(lambda *args: F.conv2d(*args, **options), inputs)
    assert all(close(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("case", ["padded", "few pixels"])
@pytest.mark.parametrize("learned", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1)], ids=str)
def test_where_some_are_constant(case, learned):
    """As the images of a first layer are, or frozen weights."""
    image, kernel, options = CASES[case]
    inputs = (draw(*image), draw(*kernel), draw(kernel[0]))

    def of_learned(convolution):
        def function(*given):
            return convolution(*(given[learned.index(i)] if i in learned else inputs[i] for i in range(3)), **options)

        return derivatives(lambda *given: function(*given) ** 3, tuple(inputs[i] for i in learned))

    assert all(close(one, other) for one, other in zip(of_learned(conv2d), of_learned(F.conv2d), strict=True))


@pytest.mark.parametrize("case", ["padded", "strides", "groups and stride"])
def test_by_finite_differences(case):
    image, kernel, options = CASES[case]
    inputs = tuple(t.requires_grad_() for t in (draw(1, *image[1:]), draw(*kernel), draw(kernel[0])))
    assert gradcheck(lambda *args: conv2d(*args, **options), inputs, fast_mode=True)
    assert gradgradcheck(lambda *args: conv2d(*args, **options), inputs, fast_mode=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ["padded", "stride that leaves pixels over", "dilation", "groups", "one channel"])
def test_vmap_is_a_loop(case, way):
    image, kernel, options = CASES[case]
    inputs = (draw(*image), draw(*kernel), draw(kernel[0]))
    vmap_equals_loop(lambda *args: conv2d(*args, **options, convolutions=way), inputs, tasks=2)


@pytest.mark.parametrize("way", WAYS)
def test_vmap_in_vmap(way):
    """Replicas of weights, tasks of images and of weights."""
    options = {"stride": 2, "padding": 1, "groups": 2, "convolutions": way}
    x, weight, bias = draw(3, 2, 4, 5, 4), draw(2, 3, 2, 2, 3, 3), draw(2, 2)
    one = lambda *args: derivatives_inside(lambda *args: conv2d(*args, **options), args)  # noqa: E731
    ours = vmap(vmap(one, (0, 0, None)), (None, 0, 0))(x, weight, bias)
    for replica in range(2):
        for task in range(3):
            known = one(x[task], weight[replica, task], bias[replica])
            assert all(close(a[replica, task], b) for a, b in zip(ours, known, strict=True))


def test_vmap_inside_a_gradient():
    """The other order, grad(vmap(...))."""
    x, weight = draw(3, 2, 2, 5, 4), draw(3, 3, 2, 3, 3)
    for way in WAYS:
        ours = derivatives(vmap(lambda x, w, way=way: conv2d(x, w, padding=1, convolutions=way)), (x, weight))
        theirs = derivatives(lambda x, w: torch.stack([F.conv2d(a, b, padding=1) for a, b in zip(x, w)]), (x, weight))  # noqa: B905
        assert all(close(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("case", ["strides", "dilation and stride", "groups and stride"])
def test_products_of_patches(case):
    (n, c, h, w), kernel, options = CASES[case]
    pairs = {name: value if isinstance(value, tuple) else (value, value) for name, value in options.items()}
    groups = options.get("groups", 1)
    geometry = Geometry(pairs.get("stride", (1, 1)), pairs["padding"], pairs.get("dilation", (1, 1)), groups, None)
    x, weight = draw(2, n, c, h, w), draw(2, *kernel)
    y = matrix_products.convolve_tasks(x, weight, geometry)
    g = draw(*y.shape)
    for task in range(2):
        ours = x[task].requires_grad_(), weight[task].requires_grad_()
        known = F.conv2d(*ours, **options)
        assert close(y[task], known)
        along_x, along_weight = torch.autograd.grad(known, ours, g[task])
        assert close(matrix_products.task_input_gradient(g, weight, (h, w), geometry)[task], along_x)
        assert close(matrix_products.task_weight_gradient(g, x, kernel[2:], geometry)[task], along_weight)


def test_a_one_by_one_kernel_never_has_a_stride(monkeypatch):
    """Where it has, a kernel of oneDNN's corrupts memory; with larger kernels, or padding, it does not."""
    seen, known = [], Geometry.out
    monkeypatch.setattr(Geometry, "out", lambda self, *sizes: (seen.append(self.stride), known(self, *sizes))[1])
    for kernel in (1, 3):
        conv2d(draw(1, 3, 8, 8), draw(2, 3, kernel, kernel), stride=2)
    assert seen == [(1, 1), (2, 2)]


def test_what_torch_refuses_is_refused_in_its_words():
    with pytest.raises(RuntimeError, match="strided"):
        conv2d(draw(1, 1, 5, 5), draw(1, 1, 3, 3), stride=2, padding="same")


def test_one_image():
    x, weight = draw(3, 5, 4), draw(2, 3, 3, 3)
    assert close(conv2d(x, weight, padding=1), F.conv2d(x, weight, padding=1))


def test_which_cases_have_few_pixels():
    for name, (image, kernel, options) in CASES.items():
        geometry = Geometry((1, 1), (0, 0), (1, 1), options.get("groups", 1), None)
        y = F.conv2d(torch.zeros(image), torch.zeros(kernel), **options)
        assert matrix_products.few_pixels(y[:, 0].numel(), y.shape[1], y, geometry) == ("few pixels" in name)
