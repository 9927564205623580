"""What the tests of fused functions share: derivatives to the second order side by side, and vmap against a loop."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.func import vmap

GENERATOR = torch.Generator().manual_seed(0)


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=GENERATOR)


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-10) -> bool:
    """Relative to the largest number."""
    return ours.shape == theirs.shape and bool((ours - theirs).abs().max() <= tolerance * theirs.abs().max())


def derivatives(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The value, the gradients along a fixed direction, and the gradients of theirs along others."""
    generator = torch.Generator().manual_seed(1)
    inputs = tuple(tensor.detach().requires_grad_() for tensor in inputs)
    value = function(*inputs)
    along = torch.randn(value.shape, dtype=value.dtype, generator=generator).requires_grad_()
    first = torch.autograd.grad(value, inputs, along, create_graph=True)
    directions = [torch.randn(g.shape, dtype=g.dtype, generator=generator) for g in first]
    second = torch.autograd.grad(first, (along, *inputs), directions, allow_unused=True, materialize_grads=True)
    return [value.detach(), *(g.detach() for g in first), *second]


def vmap_equals_loop(function: Callable[..., Tensor], inputs: tuple[Tensor, ...], tasks: int = 3) -> None:
    """For each choice of inputs that have tasks on their leading axis; derivatives of second order are taken inside.

    inputs: of one task.
    """
    second = lambda *inputs: derivatives_inside(function, inputs)  # noqa: E731
    for batched in list(product([0, None], repeat=len(inputs)))[:-1]:
        given = [
            t if axis is None else torch.stack([t, *(draw(*t.shape) for _ in range(tasks - 1))])
            for t, axis in zip(inputs, batched, strict=True)
        ]
        ours = vmap(second, batched)(*given)
        for task in range(tasks):
            expected = second(*(t if axis is None else t[task] for t, axis in zip(given, batched, strict=True)))
            for found, known in zip(ours, expected, strict=True):
                assert close(found[task], known), batched


def derivatives_inside(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The value, and first and second derivatives of a scalar that is not linear in it, by torch.func."""
    where = tuple(range(len(inputs)))

    def scalar(*inputs: Tensor) -> Tensor:
        value = function(*inputs)
        return (value**3 * torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view(value.shape)).sum()

    def steepness(*inputs: Tensor) -> Tensor:
        return sum((g**2).sum() for g in torch.func.grad(scalar, where)(*inputs))

    return [function(*inputs), *torch.func.grad(scalar, where)(*inputs), *torch.func.grad(steepness, where)(*inputs)]
