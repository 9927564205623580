"""How a convolution's kernel goes over the images, and how a convolution with weights for each task is computed."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

Convolutions = Literal["loop", "grouped", "matmul"]
"""Each task has weights of its own: one convolution a task; one for all, with a group of channels for each task; or the
patches under the kernel copied out and multiplied by the weights, tasks in a batch. Equal but for rounding.
"""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """The arguments of torch's conv2d that are no tensors, each for height and width.

    convolutions: None: "loop" on a CPU, "grouped" elsewhere.
    """

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    convolutions: Convolutions | None

    def way(self, x: Tensor) -> Convolutions:
        """How convolutions with weights for each task are computed on x's device."""
        return self.convolutions or ("loop" if x.device.type == "cpu" else "grouped")

    def for_tasks(self, tasks: int) -> "Geometry":
        """The same with the channels of so many tasks side by side."""
        return replace(self, groups=self.groups * tasks)

    def out(self, size: Pair, kernel: Pair) -> Pair:
        """The height and width of what comes out for images of `size`."""
        height, width = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return height, width

    def left_over(self, size: Pair, out: Pair, kernel: Pair) -> Pair:
        """Rows and columns at the end of an image of `size` that no window reaches; out: how many windows there are."""
        reached = (
            (o - 1) * s - 2 * p + d * (k - 1) + 1
            for o, s, p, d, k in zip(out, self.stride, self.padding, self.dilation, kernel, strict=True)
        )
        height, width = (whole - part for whole, part in zip(size, reached, strict=True))
        return height, width


def pair(value: int | tuple[int, ...] | list[int]) -> Pair:
    """torch's way of saying the same for both axes: a number, or a list of one."""
    height, width = (value, value) if isinstance(value, int) else (value[0], value[-1])
    return height, width
