"""What may change bits but not results: where and how a cell is computed. Fixed before its first step, then reused."""

from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.batching import LAYOUTS


class Plan(NamedTuple):
    """device: a torch device; threads: of torch's CPU kernels; layout: of a batch of tasks (batching.over_tasks)."""

    device: str
    threads: int
    layout: str


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


def choose(device: str, threads: int, image: ImageShape) -> Plan:
    """The plan for a new cell.

    Tasks run in one program, but for large images on a CPU, where that is no faster and takes the memory of all tasks.
    """
    large = image.height * image.width > 32 * 32
    return Plan(device, threads, "loop" if device == "cpu" and large else "vmap")


def recorded(content: dict[str, Any]) -> Plan | None:
    """The plan in a cell's status, None where there is none that this version understands."""
    plan = content.get("plan")
    if not isinstance(plan, dict) or set(plan) != set(Plan._fields) or plan["layout"] not in LAYOUTS:
        return None
    return Plan(**plan)
