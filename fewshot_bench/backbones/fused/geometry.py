"""The geometry of a convolution (stride, padding, dilation, groups), and the method if tasks have own weights."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

Convolutions = Literal["loop", "grouped", "matmul"]
"""Methods for convolutions whose tasks have their own weights; they are equal up to rounding.

"loop": one convolution for each task. "grouped": one convolution with a group of channels for each task. "matmul": a
batched product of the weights and the patches under the kernel (matrix_products.py).
"""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """The arguments of torch's conv2d other than tensors, each for height and width.

    convolutions: the method if tasks have their own weights; None: "loop" on a CPU, "grouped" elsewhere.
    """

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    convolutions: Convolutions | None

    def method_for(self, x: Tensor) -> Convolutions:
        """The method for convolutions with weights for each task, on x's device."""
        return self.convolutions or ("loop" if x.device.type == "cpu" else "grouped")

    def for_tasks(self, tasks: int) -> "Geometry":
        """The geometry with the channels of several tasks side by side, one group of channels for each."""
        return replace(self, groups=self.groups * tasks)

    def out(self, size: Pair, kernel: Pair) -> Pair:
        """Height and width of the output for images of `size`."""
        height, width = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return height, width

    def left_over(self, size: Pair, out: Pair, kernel: Pair) -> Pair:
        """Rows and columns at the end of an image of `size` that no window reaches. out: number of windows."""
        reached = (
            (o - 1) * s - 2 * p + d * (k - 1) + 1
            for o, s, p, d, k in zip(out, self.stride, self.padding, self.dilation, kernel, strict=True)
        )
        height, width = (whole - part for whole, part in zip(size, reached, strict=True))
        return height, width


def pair(value: int | tuple[int, ...] | list[int]) -> Pair:
    """Values for height and width. value: one number for both, or a sequence of one or two."""
    height, width = (value, value) if isinstance(value, int) else (value[0], value[-1])
    return height, width
