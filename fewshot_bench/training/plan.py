"""What may change bits but not results: where and how a cell is computed. Fixed before its first step, then reused."""

from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape


class Plan(NamedTuple):
    """device: a torch device; threads: of torch's CPU kernels; tasks_at_once: in one program (batching.over_tasks)."""

    device: str
    threads: int
    tasks_at_once: int


def find_device(device: str) -> str:
    """The device meant by "auto", or `device` itself. Raises BenchError where this machine has none such."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchError(
            f"no device {device!r} on this machine ({str(error).splitlines()[0]}). Try --device cpu."
        ) from error
    return device


def choose(device: str, threads: int, image: ImageShape, weights: int) -> Plan:
    """The plan for a new cell whose network has so many weights.

    More tasks in one program are faster and take more memory, by task; the numbers keep every network of the package
    within about 7 GB on a CPU (docs/performance.md). Large images gain nothing there.
    """
    if device != "cpu":
        return Plan(device, threads, 64)
    if image.height * image.width > 32 * 32:
        return Plan(device, threads, 1)
    return Plan(device, threads, 8 if weights < 500_000 else 4 if weights < 2_000_000 else 2)


def recorded(content: dict[str, Any]) -> Plan | None:
    """The plan in a cell's status, None where there is none that this version understands."""
    plan = content.get("plan")
    if not isinstance(plan, dict) or set(plan) != set(Plan._fields):
        return None
    return Plan(**plan)
