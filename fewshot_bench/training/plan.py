"""Where and how a cell is computed. Fixed before its first step, then reused.

Two plans give the same numbers up to rounding. In float32, rounding changes most meta-gradients by a few millionths,
but that of a rare task by tens of percent: rounding then decides which value in a max-pool's window is the largest, or
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
    threads: of each of torch's CPU kernels.
    tasks_at_once: in one program, by `vmap`.
    program: "eager", as written; "traced", replayed without autograd (programs/traced.py); "graph", that as one CUDA
    graph (programs/captured.py).
    workers: processes that replay a traced program side by side, on a CPU.
    recompute: inner steps are computed once more on the way back instead of kept (hypergradients/recomputed.py).
    replicas: cells equal but for their seed that are trained side by side.
    precision: of products: "float32", "tf32" or "bfloat16"; sums and all else are float32.
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


@contextmanager
def as_planned(plan: Plan) -> Iterator[None]:
    """Within the block, torch's settings are the plan's: threads, TF32 only if the plan allows it; and new tensors are
    float32 on the CPU by default.

    Convolutions on a GPU are those that give the same bits each time. How memory is allocated outlasts the block.
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


def recorded(content: dict[str, Any]) -> Plan | None:
    """The plan in a cell's status, None where there is none that this version understands."""
    plan = content.get("plan")
    if not isinstance(plan, dict) or set(plan) != set(Plan._fields):
        return None
    return Plan(**plan)


def given(text: str) -> dict[str, Any]:
    """What `--plan` says, "program=traced,workers=2", by field. Raises BenchError for what is no plan."""
    found: dict[str, Any] = {}
    for word in filter(None, text.replace(" ", ",").split(",")):
        name, _, value = word.partition("=")
        if name not in _KINDS:
            raise BenchError(f"--plan: {name!r} is none of {', '.join(_KINDS)}.")
        try:
            found[name] = _KINDS[name](value)
        except ValueError as error:
            raise BenchError(f"--plan: `{name}` cannot be {value!r}: {error}.") from error
    return found


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


_KINDS: dict[str, Any] = {
    "threads": _count,
    "tasks_at_once": _count,
    "program": _one_of(ProgramKind),
    "workers": _count,
    "recompute": _yes_or_no,
    "replicas": _count,
    "precision": _one_of(Precision),
}
"""Fields that `--plan` may give, and what reads them; the device is --device's."""
