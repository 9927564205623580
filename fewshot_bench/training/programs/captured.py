"""A program recorded as one CUDA graph: thousands of small kernels, launched by a single call."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.hypergradients.batching import TreeSpec, tree_flatten, tree_leaves, tree_map
from fewshot_bench.training.programs.base import Program, once

WARM_UP = 2  # runs before recording, for libraries that choose kernels and workspaces at first calls


class Recording(NamedTuple):
    """A graph, the names of what it reads, the memory that it reads, and the memory that it writes."""

    graph: torch.cuda.CUDAGraph
    tree: TreeSpec
    inputs: list[Tensor]
    results: Any


def captured(program: Program) -> Program:
    """`program`, recorded at its first call for inputs of a shape and replayed on copies of them from then on.

    Results lie where the next call will write: use them, or copy them, before it. The program may not look at a number
    on the host, nor move one there; a traced program does not.
    """
    find = once(lambda shared, tasks: _record(program, shared, tasks))

    def run(shared: Any, tasks: Any) -> Any:
        recording: Recording = find(shared, tasks)
        for place, value in zip(recording.inputs, recording.tree.flatten_up_to((shared, tasks)), strict=True):
            place.copy_(value, non_blocking=True)
        recording.graph.replay()
        return recording.results

    return run


def _record(program: Program, shared: Any, tasks: Any) -> Recording:
    # all on the device: a kernel takes a number from the host as it is while recording, and keeps it
    device = tree_leaves(tasks)[0].device
    inputs = tree_map(lambda leaf: leaf.detach().to(device, copy=True), (shared, tasks))
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(WARM_UP):
            program(*inputs)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = program(*inputs)
    leaves, tree = tree_flatten(inputs)
    return Recording(graph, tree, leaves, results)
