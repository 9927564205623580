"""A program that is a list of elementary operations, written down once and then replayed without autograd.

torch.func takes a few hundred microseconds of Python and bookkeeping for what a CPU computes in ten: gradients of
gradients are worked out anew at every meta-step, though they never change. Here torch writes down the operations of
one chunk of tasks, derivatives included, and a meta-step carries them out. Tensors are freed after their last use.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.fx import GraphModule, Node

from fewshot_bench.basics.memory import NoRoomError, available_bytes
from fewshot_bench.hypergradients.batching import tree_flatten, tree_leaves, tree_map, tree_unflatten
from fewshot_bench.training.programs.base import OfOne, Program, chunks, once
from fewshot_bench.training.programs.interpreted import Note, fastest
from fewshot_bench.training.programs.torch_internals import list_of_operations, makes_nothing_new
from fewshot_bench.training.programs.workers import shared_among

Replay = Callable[[Any, Any], Any]


def traced(of_one: OfOne, at_once: int, workers: int, note: Note = lambda reason: None) -> Program:
    """Chunks of `at_once` tasks, one after another, or shared among so many processes (workers.py).

    A chunk is computed by the same operations whoever takes it, so results do not depend on `workers`, as long as
    torch's kernels use one thread (torch.set_num_threads(1)). Written down at the first chunk of a shape; torch raises
    if `of_one` decides anything by looking at numbers. note: see interpreted.py.
    """
    chunk = of_one if at_once == 1 else vmap(of_one, (None, 0))
    find = once(lambda shared, part: recorded(chunk, shared, part, workers, note))

    def one_by_one(shared: Any, tasks: Any) -> Any:
        results = [find(shared, part)(shared, part) for part in chunks(tasks, at_once)]
        join = torch.stack if at_once == 1 else torch.cat
        return tree_map(lambda *pieces: join(pieces), *results)

    shared_out = once(lambda shared, tasks: shared_among(workers, find, at_once, shared, tasks))

    def run(shared: Any, tasks: Any) -> Any:
        if workers == 1 or len(tree_leaves(tasks)[0]) <= at_once:
            return one_by_one(shared, tasks)
        return shared_out(shared, tasks)(shared, tasks)

    return run


def recorded(
    function: Callable[[Any, Any], Any], shared: Any, part: Any, times: int = 1, note: Note = lambda reason: None
) -> Replay:
    """`function` as the operations that it carried out for these inputs.

    Raises NoRoomError if carrying them out so many times at once takes more memory than there is.
    """
    result_tree: list[Any] = []
    inputs, tree = tree_flatten((shared, part))

    def flat(*leaves: Any) -> list[Any]:
        outputs, spec = tree_flatten(function(*tree_unflatten(leaves, tree)))
        result_tree.append(spec)
        return outputs

    graph = written_down(flat, inputs)
    _check_room(times * needed_bytes(graph), inputs[0].device)
    operations = fastest(graph, note)

    def replay(shared: Any, part: Any) -> Any:
        with torch.no_grad():
            return tree_unflatten(operations(*tree.flatten_up_to((shared, part))), result_tree[0])

    return replay


def written_down(function: Callable[..., list[Any]], inputs: list[Any]) -> GraphModule:
    """The operations of a function of tensors, those without effect left out.

    Found with tensors that have a shape and no numbers, which takes neither time nor memory for them.
    """
    # copies: a tensor that comes in twice, such as a zero that several moments begin with, would be taken for one input
    graph = list_of_operations(function, [leaf.detach().clone() for leaf in inputs])
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def needed_bytes(graph: GraphModule) -> int:
    """The most bytes that are alive at one time while a list of operations is carried out.

    Of what the operations make and still use, inputs left out; a kernel's own workspace is not known here. graph: from
    `written_down`, which leaves each result's shape with its operation.
    """
    nodes = list(graph.graph.nodes)
    owner: dict[Node, Node] = {}  # a view -> the operation whose memory it shows
    for node in nodes:
        source = node.all_input_nodes[0] if node.all_input_nodes and makes_nothing_new(node) else node
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
        alive -= sum(_bytes(gone) for gone in freed.get(index, []) if gone.op == "call_function")
    return peak


def _bytes(node: Node) -> int:
    leaves = tree_leaves(node.meta.get("val"))
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, Tensor))


def _check_room(needed: int, device: torch.device) -> None:
    room = available_bytes() if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
    if room is not None and needed > room:
        raise NoRoomError(
            f"a meta-step needs {needed / 2**30:.1f} GiB and {room / 2**30:.1f} are free. Run it with "
            "--plan recompute=true, or workers=1; or lower inner_steps."
        )
