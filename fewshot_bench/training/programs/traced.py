"""A program that is a list of elementary operations, written down once and then replayed without autograd.

torch.func takes a few hundred microseconds of Python and bookkeeping for what a CPU computes in ten: gradients of
gradients are worked out anew at every meta-step, though they never change. Here `make_fx` writes down the operations of
one chunk of tasks, derivatives included, and a meta-step carries them out. Tensors are freed after their last use.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch.func import vmap
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from fewshot_bench.basics.memory import NoRoomError, available_bytes
from fewshot_bench.training.programs.base import OfOne, Program, once
from fewshot_bench.training.programs.footprint import peak_bytes

Replay = Callable[[Any, Any], Any]


def traced(of_one: OfOne, at_once: int, workers: int) -> Program:
    """Chunks of `at_once` tasks, `workers` of them side by side, each on a thread of its own.

    A chunk is computed by the same operations whichever thread takes it, so results do not depend on `workers`, as long
    as torch's kernels use one thread (torch.set_num_threads(1)). Written down at the first chunk of a shape; torch
    raises where `of_one` decides anything by looking at numbers.
    """
    chunk = of_one if at_once == 1 else vmap(of_one, (None, 0))
    find = once(lambda shared, part: recorded(chunk, shared, part, workers))
    threads = ThreadPoolExecutor(workers) if workers > 1 else None

    def run(shared: Any, tasks: Any) -> Any:
        parts = chunks(tasks, at_once)
        replays = [find(shared, part) for part in parts]

        def result(replay: Replay, part: Any) -> Any:
            return replay(shared, part)

        results = list(map(result, replays, parts) if threads is None else threads.map(result, replays, parts))
        join = torch.stack if at_once == 1 else torch.cat
        return tree_map(lambda *pieces: join(pieces), *results)

    return run


def chunks(tasks: Any, at_once: int) -> list[Any]:
    """The tasks in order, so many at a time; one by one without their axis."""
    count = len(tree_leaves(tasks)[0])
    if at_once == 1:
        return [tree_map(lambda leaf, i=i: leaf[i], tasks) for i in range(count)]
    return [tree_map(lambda leaf, i=i: leaf[i : i + at_once], tasks) for i in range(0, count, at_once)]


def recorded(function: Callable[[Any, Any], Any], shared: Any, part: Any, times: int = 1) -> Replay:
    """`function` as the operations that it carried out for these inputs.

    Raises NoRoomError where carrying them out so many times at once takes more memory than there is.
    """
    result_tree: list[Any] = []
    inputs, tree = tree_flatten((shared, part))

    def flat(*leaves: Any) -> list[Any]:
        outputs, spec = tree_flatten(function(*tree_unflatten(leaves, tree)))
        result_tree.append(spec)
        return outputs

    graph = written_down(flat, inputs)
    _check_room(times * peak_bytes(graph), inputs[0].device)

    def replay(shared: Any, part: Any) -> Any:
        with torch.no_grad():
            return tree_unflatten(graph(*tree.flatten_up_to((shared, part))), result_tree[0])

    return replay


def _check_room(needed: int, device: torch.device) -> None:
    room = available_bytes() if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
    if room is not None and needed > room:
        raise NoRoomError(
            f"a meta-step needs {needed / 2**30:.1f} GiB and {room / 2**30:.1f} are free. Run it with "
            "--plan recompute=true, or workers=1; or lower inner_steps."
        )


def written_down(function: Callable[..., list[Any]], inputs: list[Any]) -> GraphModule:
    """The operations of a function of tensors, those without effect left out.

    Found with tensors that have a shape and no numbers, which takes neither time nor memory for them.
    """
    # copies: a tensor that comes in twice, such as a zero that several moments begin with, would be taken for one input
    copies = [leaf.detach().clone() for leaf in inputs]
    graph = make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*copies)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph
