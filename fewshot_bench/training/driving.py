"""Cells in progress are driven: the batches of tasks that they want are computed, those of several in one program."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from fewshot_bench.backbones.torch_defaults import float32_cpu_defaults
from fewshot_bench.basics.memory import allocate
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.cell import Answer, Interrupted, Wanted, Watch, run
from fewshot_bench.training.gradients import Gradients, gradients
from fewshot_bench.training.plan import Plan

SECONDS_BETWEEN_CHECKPOINTS = 30.0

T = TypeVar("T")
Driven = Generator[Wanted, Answer, T]
"""What yields batches of tasks that it wants and is sent their gradients, until it returns."""


def drive(runs: Sequence[Driven[T]]) -> list[T]:
    """Takes all runs to their ends, side by side, and returns what they return.

    A fault in a common program is thrown into each of them. Raises Interrupted when all have ended and one was.
    """
    returned: dict[int, T] = {}
    wanted: dict[int, Wanted] = {}
    interrupted = False

    def advance(index: int, answer: Answer | Exception | None) -> None:
        nonlocal interrupted
        wanted.pop(index, None)
        try:
            if isinstance(answer, Exception):
                wanted[index] = runs[index].throw(answer)
            elif answer is None:
                wanted[index] = next(runs[index])
            else:
                wanted[index] = runs[index].send(answer)
        except StopIteration as end:
            returned[index] = end.value
        except Interrupted:
            interrupted = True

    for index in range(len(runs)):
        advance(index, None)
    find: Gradients | None = None
    saved = time.monotonic()
    while wanted:
        asked = dict(wanted)
        save = time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS
        saved = time.monotonic() if save else saved
        answers: Sequence[Answer | Exception]
        try:
            find = find or gradients(next(iter(asked.values())).assembly)
            found = find([one.state for one in asked.values()], [one.tasks for one in asked.values()])
            answers = [Answer(one, save) for one in found]
        except Exception as error:
            answers = [error] * len(asked)
        for index, answer in zip(asked, answers, strict=True):
            advance(index, answer)
    if interrupted:
        raise Interrupted
    return [returned[index] for index in range(len(runs))]


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


def alone(assembly: Assembly, folder: Path, watch: Watch) -> dict[str, Any]:
    """One cell to its end, by itself; see training.cell.run."""
    with as_planned(assembly.plan):
        return drive([run(assembly, folder, watch)])[0]
