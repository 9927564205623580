"""A list of operations carried out by torch's own interpreter, which needs no Python between them.

Between two small operations Python takes about as long as the second: replays are 1.2 to 1.5 times faster without it.
The interpreter's interface is private (torch_internals.py), so a list that it cannot take is left to Python, and the
reason is recorded.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from fewshot_bench.hypergradients.batching import tree_leaves
from fewshot_bench.training.programs.torch_internals import InterpretersGraph, number_of

Flat = Callable[..., Sequence[Tensor]]

Note = Callable[[str], None]
"""Called once for each list of operations, with USED or with the reason why the interpreter was not used."""

USED = "used"


def fastest(graph: GraphModule, note: Note) -> Flat:
    """The same operations, without Python between them if that gives the same bits; tried at the first call."""
    chosen: list[Flat] = []

    def run(*inputs: Tensor) -> Sequence[Tensor]:
        if chosen:
            return chosen[0](*inputs)
        expected = graph(*inputs)
        try:
            candidate = interpreted(graph)
            same = all(map(_same_bits, candidate(*inputs), expected))
            reason = "" if same else "its results are not those of Python, bit for bit"
        except Exception as error:  # whatever it is, Python can go on
            reason = _reason(error)
        chosen.append(graph if reason else candidate)
        note(reason or USED)
        return expected

    return run


def summary(notes: Sequence[str]) -> str:
    """What status.json says of all programs of a cell: USED, or the first reason why one is left to Python."""
    return next((note for note in notes if note != USED), USED)


def interpreted(graph: GraphModule) -> Flat:
    """The same operations on the same inputs. Raises whatever the interpreter raises if it cannot take them."""
    made = InterpretersGraph()
    values: dict[Node, Any] = {}
    constants: dict[tuple[str, str], Any] = {}

    def constant(value: Any) -> Any:
        key = (type(value).__name__, repr(value))
        if key not in constants:
            constants[key] = made.constant(value)
        return constants[key]

    def argument(value: Any, kind: Any) -> Any:
        if isinstance(value, Node):
            return values[value]
        if kind.kind() == "OptionalType":
            return constant(None) if value is None else argument(value, kind.getElementType())
        if kind.kind() == "ListType":
            inner = kind.getElementType()
            items = value if isinstance(value, list | tuple) else [value]
            return made.items([argument(item, inner) for item in items], inner)
        if kind.kind() == "TensorType":  # a number in a tensor's place, as `vmap` leaves some; Python takes either
            return made.constant(torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None))
        return constant(float(value) if kind.kind() == "FloatType" else number_of(value))

    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = made.input(node.name)
        elif node.op == "get_attr":
            values[node] = made.constant(getattr(graph, node.target))
        elif node.op == "output":
            return made.function([values[leaf] for leaf in tree_leaves(node.args[0])])
        elif node.target is operator.getitem:
            several, index = values[node.args[0]], node.args[1]
            values[node] = several[index] if isinstance(several, list) else made.item(several, constant(index))
        else:
            results = made.call(node.target, _arguments(node, argument))
            values[node] = results[0] if len(results) == 1 else results
    raise ValueError("a list of operations without an output")


def _arguments(node: Node, made: Callable[[Any, Any], Any]) -> Callable[[str, Any, Any], Any]:
    """What `InterpretersGraph.call` asks for: the value of an argument by its name, or its default."""
    given = dict(node.kwargs)
    positional = iter(node.args)

    def argument(name: str, kind: Any, default: Any) -> Any:
        return made(next(positional, given.get(name, default)), kind)

    return argument


def _reason(error: Exception) -> str:
    """In a line: the first of a message, but the last of the interpreter's own, which begin with a traceback."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1 if 'TorchScript' in lines[0] else 0]}"


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
