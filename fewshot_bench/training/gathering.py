"""Images of tasks as a network is fed them: gathered in memory, or on the device from bytes that were copied there."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewshot_bench.data.datasets import Dataset
from fewshot_bench.data.tasks import Bank, gathered

Gather = Callable[[Tensor], Tensor]
"""Rows of a bank [tasks, ways, per_class], on the device -> float32 images [tasks, ways * per_class, c, h, w]."""


def in_memory(bank: Bank, dataset: Dataset) -> Gather:
    """On the CPU, from where the bank's images are."""
    images, normalised = bank.read(), normaliser(dataset, "cpu")
    return lambda rows: normalised(torch.from_numpy(gathered(images, rows.numpy())))


def on_device(bank: Bank, dataset: Dataset, device: str) -> Gather:
    """On a device, to which the bank's images go at the first call, as bytes."""
    normalised = normaliser(dataset, device)
    held = cache(lambda: torch.from_numpy(bank.read()).to(device))

    def gather(rows: Tensor) -> Tensor:
        tasks, ways, per_class = rows.shape
        images = held().index_select(0, rows.reshape(-1))
        return normalised(images.view(tasks, ways * per_class, *images.shape[1:]))

    return gather


def normaliser(dataset: Dataset, device: str) -> Callable[[Tensor], Tensor]:
    """The function from bytes to float32: pixels / 255, then (x - mean) / std by channel.

    In place: another large tensor beside the first takes a CPU many times as long as the arithmetic.
    """
    if set(dataset.mean) == {0.0} and set(dataset.std) == {1.0}:
        return lambda pixels: pixels.float().div_(255)
    mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (dataset.mean, dataset.std))
    return lambda pixels: pixels.float().div_(255).sub_(mean).div_(std)


def moved(array: NDArray[np.int64], device: str) -> Tensor:
    """The array on a device; a GPU fetches it when it gets there, and nobody waits."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else tensor.to(device)
