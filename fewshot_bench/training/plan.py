"""The plan of a cell: on which device and how it is computed. It is fixed before the first step, then reused.

Two plans give the same numbers up to rounding. In float32, rounding changes most meta-gradients by a few millionths,
but that of a rare task by tens of percent. Rounding then decides which value of a max-pool's window is the largest, or
on which side of its kink an activation lies. docs/performance.md has measurements.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, get_args

import torch

from fewshot_bench.backbones.precision import float32_cpu_defaults
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.memory import allocate

ProgramKind = Literal["eager", "traced", "graph"]
Precision = Literal["float32", "tf32", "bfloat16"]


class Plan(NamedTuple):
    """How a cell is computed.

    device: a torch device.
    threads: threads of each of torch's CPU kernels.
    tasks_at_once: tasks in one program, by `vmap`.
    program: "eager", operation by operation; "traced", replayed without autograd (programs/traced.py); "graph", a
    traced program as one CUDA graph (programs/program.py). workers: processes that replay a traced program in parallel,
    on a CPU. recompute: whether the backward pass recomputes inner steps instead of keeping them
    (hypergradients/recomputed.py). replicas: cells equal but for their seed that are trained in one program. precision:
    of products: "float32", "tf32" or "bfloat16"; all else is float32.
    """

    device: str
    threads: int
    tasks_at_once: int
    program: ProgramKind = "eager"
    workers: int = 1
    recompute: bool = False
    replicas: int = 1
    precision: Precision = "float32"


def find_device(device: str) -> str:
    """The device that "auto" stands for, or `device` itself. Raises BenchError if this machine does not have it."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchError(
            f"no device {device!r} on this machine ({str(error).splitlines()[0]}). Try --device cpu."
        ) from error
    return device


@contextmanager
def as_planned(plan: Plan) -> Iterator[None]:
    """Within the block, torch has the plan's settings.

    They are the number of threads, TF32 if the plan allows it, float32 on the CPU for new tensors, and deterministic
    convolutions on a GPU. The allocation of memory stays changed after the block.
    """
    threads, products, layers = torch.get_num_threads(), torch.backends.cuda.matmul, torch.backends.cudnn
    if plan.device == "cpu":
        allocate(sparingly=plan.recompute)
    before = products.allow_tf32, layers.allow_tf32, layers.deterministic
    torch.set_num_threads(plan.threads)
    products.allow_tf32 = layers.allow_tf32 = plan.precision == "tf32"
    layers.deterministic = True
    try:
        with float32_cpu_defaults():
            yield
    finally:
        torch.set_num_threads(threads)
        products.allow_tf32, layers.allow_tf32, layers.deterministic = before


def recorded_plan(status: dict[str, Any]) -> Plan | None:
    """The plan in a cell's status.json; None if there is none that this version understands."""
    plan = status.get("plan")
    if not isinstance(plan, dict) or set(plan) != set(Plan._fields):
        return None
    return Plan(**plan)


def parse_plan(text: str) -> dict[str, Any]:
    """The fields in the text of `--plan`, as "program=traced,workers=2". Raises BenchError for any other text."""
    fields: dict[str, Any] = {}
    for word in filter(None, text.replace(" ", ",").split(",")):
        name, _, value = word.partition("=")
        if name not in _PARSERS:
            raise BenchError(f"--plan: {name!r} is none of {', '.join(_PARSERS)}.")
        try:
            fields[name] = _PARSERS[name](value)
        except ValueError as error:
            raise BenchError(f"--plan: `{name}` cannot be {value!r}: {error}.") from error
    return fields


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number from 1 on is needed")
    return int(text)


def _one_of(kinds: Any) -> Any:
    def chosen(text: str) -> str:
        if text not in get_args(kinds):
            raise ValueError(f"one of {', '.join(get_args(kinds))} is needed")
        return text

    return chosen


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false is needed")
    return text == "true"


_PARSERS: dict[str, Any] = {
    "threads": _count,
    "tasks_at_once": _count,
    "program": _one_of(ProgramKind),
    "workers": _count,
    "recompute": _yes_or_no,
    "replicas": _count,
    "precision": _one_of(Precision),
}
"""Field of `--plan` -> the function that parses its value. The device is given by --device."""
