"""A program that is a list of elementary operations, written down once and then replayed without autograd.

torch.func takes a few hundred microseconds of Python and bookkeeping for what a CPU computes in ten: gradients of
gradients are worked out anew at every meta-step, though they never change. Here `make_fx` writes down the operations of
one chunk of tasks, derivatives included, and a meta-step carries them out. Tensors are freed after their last use.
"""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from fewshot_bench.basics.memory import NoRoomError, available_bytes
from fewshot_bench.training.programs.base import OfOne, Program, once
from fewshot_bench.training.programs.footprint import peak_bytes
from fewshot_bench.training.programs.interpreted import Flat, interpreted
from fewshot_bench.training.programs.workers import fork, shared_like, shutdown, together

Replay = Callable[[Any, Any], Any]


def traced(of_one: OfOne, at_once: int, workers: int) -> Program:
    """Chunks of `at_once` tasks, one after another, or shared among so many processes (workers.py).

    A chunk is computed by the same operations whoever takes it, so results do not depend on `workers`, as long as
    torch's kernels use one thread (torch.set_num_threads(1)). Written down at the first chunk of a shape; torch raises
    where `of_one` decides anything by looking at numbers.
    """
    chunk = of_one if at_once == 1 else vmap(of_one, (None, 0))
    find = once(lambda shared, part: recorded(chunk, shared, part, workers))

    def one_by_one(shared: Any, tasks: Any) -> Any:
        results = [find(shared, part)(shared, part) for part in chunks(tasks, at_once)]
        join = torch.stack if at_once == 1 else torch.cat
        return tree_map(lambda *pieces: join(pieces), *results)

    shared_out = once(lambda shared, tasks: _shared_out(find, at_once, workers, shared, tasks))

    def run(shared: Any, tasks: Any) -> Any:
        if workers == 1 or len(tree_leaves(tasks)[0]) <= at_once:
            return one_by_one(shared, tasks)
        return shared_out(shared, tasks)(shared, tasks)

    return run


def _shared_out(find: Callable[[Any, Any], Replay], at_once: int, workers: int, shared: Any, tasks: Any) -> Program:
    """A program for inputs of this shape, its chunks shared among processes."""
    leaves, tree = tree_flatten((shared, tasks))
    inputs = shared_like(leaves)
    held, batch = tree_unflatten(inputs, tree)
    parts = chunks(batch, at_once)
    copy_all(inputs, leaves)
    replays = [find(held, part) for part in parts]
    outcome = replays[0](held, parts[0])  # for its shapes
    count = len(tree_leaves(tasks)[0])
    results = tree_map(lambda leaf: shared_batch(leaf, count, at_once), outcome)
    places = chunks(results, at_once)

    def work(number: int) -> None:
        found = replays[number](held, parts[number])
        copy_all(tree_leaves(places[number]), tree_leaves(found))

    forked = fork(min(workers, len(parts)), work, len(parts))

    def run(shared: Any, tasks: Any) -> Any:
        copy_all(inputs, tree.flatten_up_to((shared, tasks)))
        together(forked, work, len(parts))
        return tree_map(torch.clone, results)

    weakref.finalize(run, shutdown, forked)
    return run


def shared_batch(leaf: Tensor, count: int, at_once: int) -> Tensor:
    """Shared memory for the results of `count` tasks. leaf: that of one, or of a chunk."""
    shape = leaf.shape if at_once == 1 else leaf.shape[1:]
    return torch.empty((count, *shape), dtype=leaf.dtype).share_memory_()


def copy_all(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


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

    fastest = _checked(graph)

    def replay(shared: Any, part: Any) -> Any:
        with torch.no_grad():
            return tree_unflatten(fastest(*tree.flatten_up_to((shared, part))), result_tree[0])

    return replay


def _checked(graph: GraphModule) -> Flat:
    """The operations without Python between them, where that gives the same bits; found out at the first call."""
    chosen: list[Flat] = []

    def run(*inputs: Tensor) -> list[Tensor]:
        if chosen:
            return chosen[0](*inputs)
        expected, candidate = graph(*inputs), interpreted(graph)
        try:
            same = candidate is not None and all(map(_same_bits, candidate(*inputs), expected))
        except RuntimeError:
            same = False
        chosen.append(candidate if candidate is not None and same else graph)
        return expected

    return run


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


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
