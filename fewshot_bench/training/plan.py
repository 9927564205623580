"""What may change bits but not results: where and how a cell is computed. Fixed before its first step, then reused."""

from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.batching import LAYOUTS


class Plan(NamedTuple):
    """device: a torch device; threads: of torch's CPU kernels; layout: how a batch of tasks is run (batching.over_tasks)."""

    device: str
    threads: int
    layout: str


def choose(device: str, image_pixels: int) -> Plan:
    """The plan for a new cell. device: "auto" or a torch device; image_pixels: channels x height x width.

    Raises BenchError where the device does not exist. Small images run all tasks in one program; for large ones memory
    counts, and one task at a time is no slower on a CPU (docs/performance.md).
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchError(
            f"no device {device!r} on this machine ({str(error).splitlines()[0]}). Try --device cpu."
        ) from error
    layout = "loop" if device == "cpu" and image_pixels > 4096 else "vmap"
    return Plan(device, torch.get_num_threads(), layout)


def recorded(content: dict[str, Any]) -> Plan | None:
    """The plan in a cell's status, None where there is none that this version understands."""
    plan = content.get("plan", {})
    if set(plan) != set(Plan._fields) or plan["layout"] not in LAYOUTS:
        return None
    return Plan(**plan)
