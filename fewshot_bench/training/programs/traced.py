"""Traced programs: a list of elementary operations that is recorded once and then replayed without autograd.

torch.func derives the gradients of gradients anew at every meta-step, though they never change. That takes a few
hundred microseconds of Python for work that takes a CPU ten. A traced program records the operations of one chunk of
tasks, derivatives included, and replays them at each meta-step. Tensors are freed after their last use.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.fx import GraphModule, Node

from fewshot_bench.basics.memory import NoRoomError, available_bytes
from fewshot_bench.hypergradients.batching import tree_flatten, tree_leaves, tree_map, tree_unflatten
from fewshot_bench.training.programs.base import Program, TaskFunction, cached_by_shape, chunks
from fewshot_bench.training.programs.interpreted import Note, interpreted_if_equal
from fewshot_bench.training.programs.torch_internals import list_of_operations, shares_memory
from fewshot_bench.training.programs.workers import shared_among

Replay = Callable[[Any, Any], Any]


def traced(of_one: TaskFunction, at_once: int, workers: int, note: Note = lambda reason: None) -> Program:
    """A program that computes chunks of `at_once` tasks one after another, or in several processes (workers.py).

    Every process computes a chunk by the same operations. So results do not depend on `workers`, if torch's kernels use
    one thread (torch.set_num_threads(1)). Operations are recorded at the first chunk of a shape. torch raises an error
    if the control flow of `of_one` depends on the numbers in a tensor. note: see interpreted.py.
    """
    chunk = of_one if at_once == 1 else vmap(of_one, (None, 0))
    program_for = cached_by_shape(lambda shared, part: recorded(chunk, shared, part, workers, note))

    def one_by_one(shared: Any, tasks: Any) -> Any:
        results = [program_for(shared, part)(shared, part) for part in chunks(tasks, at_once)]
        join = torch.stack if at_once == 1 else torch.cat
        return tree_map(lambda *pieces: join(pieces), *results)

    shared_out = cached_by_shape(lambda shared, tasks: shared_among(workers, program_for, at_once, shared, tasks))

    def run(shared: Any, tasks: Any) -> Any:
        if workers == 1 or len(tree_leaves(tasks)[0]) <= at_once:
            return one_by_one(shared, tasks)
        return shared_out(shared, tasks)(shared, tasks)

    return run


def recorded(
    function: Callable[[Any, Any], Any], shared: Any, part: Any, times: int = 1, note: Note = lambda reason: None
) -> Replay:
    """A replay of the operations that `function` runs for these inputs.

    times: how many replays run at once. Raises NoRoomError if they need more memory than there is.
    """
    result_tree: list[Any] = []
    inputs, tree = tree_flatten((shared, part))

    def flat(*leaves: Any) -> list[Any]:
        outputs, spec = tree_flatten(function(*tree_unflatten(leaves, tree)))
        result_tree.append(spec)
        return outputs

    graph = traced_graph(flat, inputs)
    _check_memory(times * needed_bytes(graph), inputs[0].device)
    operations = interpreted_if_equal(graph, note)

    def replay(shared: Any, part: Any) -> Any:
        with torch.no_grad():
            return tree_unflatten(operations(*tree.flatten_up_to((shared, part))), result_tree[0])

    return replay


def traced_graph(function: Callable[..., list[Any]], inputs: list[Any]) -> GraphModule:
    """The operations of a function of tensors, without those that have no effect.

    The function is traced with tensors that have only a shape, which takes little time and memory.
    """
    # copies: a tensor that is given twice, such as a zero that several moments start with, would be taken for one input
    graph = list_of_operations(function, [leaf.detach().clone() for leaf in inputs])
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def needed_bytes(graph: GraphModule) -> int:
    """The peak memory of a list of operations, in bytes: results that are still used, without inputs and workspaces.

    graph: from `traced_graph`, which stores each result's shape with its operation.
    """
    nodes = list(graph.graph.nodes)
    owner: dict[Node, Node] = {}  # a view -> the operation that owns its memory
    for node in nodes:
        source = node.all_input_nodes[0] if node.all_input_nodes and shares_memory(node) else node
        owner[node] = owner.get(source, source)
    last_use = {owner[node]: index for index, user in enumerate(nodes) for node in (user, *user.all_input_nodes)}
    freed: dict[int, list[Node]] = {}
    for node, index in last_use.items():
        freed.setdefault(index, []).append(node)
    alive = peak = 0
    for index, node in enumerate(nodes):
        if owner[node] is node and node.op == "call_function":
            alive += _bytes(node)
            peak = max(peak, alive)
        alive -= sum(_bytes(result) for result in freed.get(index, []) if result.op == "call_function")
    return peak


def _bytes(node: Node) -> int:
    leaves = tree_leaves(node.meta.get("val"))
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, Tensor))


def _check_memory(needed: int, device: torch.device) -> None:
    available = available_bytes() if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
    if available is not None and needed > available:
        raise NoRoomError(
            f"a meta-step needs {needed / 2**30:.1f} GiB and {available / 2**30:.1f} are free. Run it with "
            "--plan recompute=true, or workers=1; or lower inner_steps."
        )
