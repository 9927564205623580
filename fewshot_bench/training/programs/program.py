"""The programs that a plan can ask for: eager, traced, or a traced program recorded as one CUDA graph.

A CUDA graph launches thousands of small kernels by a single call.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.hypergradients.batching import TreeSpec, over_tasks, tree_flatten, tree_leaves, tree_map
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs.base import Program, TaskFunction, cached_by_shape
from fewshot_bench.training.programs.interpreted import Note
from fewshot_bench.training.programs.traced import traced

WARM_UP = 2  # runs before recording, in which libraries choose kernels and workspaces


def program(of_one: TaskFunction, plan: Plan, note: Note = lambda reason: None) -> Program:
    """The program of a plan.

    Args:
        of_one: The computation of one task.
        plan: The plan.
        note: Called with whether torch's interpreter runs a traced program, or why not. Never called for an eager one.
    """
    if plan.program == "eager":
        return eager(of_one, plan.tasks_at_once)
    replayed = traced(of_one, plan.tasks_at_once, plan.workers, note)
    return captured(replayed) if plan.program == "graph" else replayed


def eager(of_one: TaskFunction, at_once: int) -> Program:
    """A program that runs operation by operation. at_once: tasks of one call of `vmap`; 1: a plain loop."""

    def run(shared: Any, tasks: Any) -> Any:
        return over_tasks(lambda task: of_one(shared, task), at_once)(tasks)

    return run


class Recording(NamedTuple):
    """A CUDA graph, the names of its inputs, and the memory of its inputs and results."""

    graph: torch.cuda.CUDAGraph
    tree: TreeSpec
    inputs: list[Tensor]
    results: Any


def captured(program: Program) -> Program:
    """The program as a CUDA graph, recorded at its first call for inputs of a shape, then replayed on copies of inputs.

    Each call overwrites the results of the last one. The program must not read numbers on the host, nor move any there;
    a traced program does neither.
    """
    recording_for = cached_by_shape(lambda shared, tasks: _record(program, shared, tasks))

    def run(shared: Any, tasks: Any) -> Any:
        recording: Recording = recording_for(shared, tasks)
        for place, value in zip(recording.inputs, recording.tree.flatten_up_to((shared, tasks)), strict=True):
            place.copy_(value, non_blocking=True)
        recording.graph.replay()
        return recording.results

    return run


def _record(program: Program, shared: Any, tasks: Any) -> Recording:
    # all on the device: a kernel would keep a number from the host as it is while recording
    device = tree_leaves(tasks)[0].device
    inputs = tree_map(lambda leaf: leaf.detach().to(device, copy=True), (shared, tasks))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            program(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = program(*inputs)
    leaves, tree = tree_flatten(inputs)
    return Recording(graph, tree, leaves, results)
