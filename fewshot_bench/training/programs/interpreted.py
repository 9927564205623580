"""Lists of operations that torch's own interpreter runs, without Python between two operations.

Between two small operations Python takes about as long as an operation, so replays are 1.2 to 1.5 times faster without
it. The interpreter's interface is private (torch_internals.py). If it cannot run a list, Python runs it, and the reason
is recorded.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from fewshot_bench.hypergradients.batching import tree_leaves
from fewshot_bench.training.programs.torch_internals import InterpreterGraph, number_of

Flat = Callable[..., Sequence[Tensor]]

Note = Callable[[str], None]
"""Called once for each list of operations, with USED or the reason why the interpreter is not used."""

USED = "used"


def interpreted_if_equal(graph: GraphModule, note: Note) -> Flat:
    """The operations run by the interpreter if that gives the same bits as Python. The first call compares both."""
    chosen: list[Flat] = []

    def run(*inputs: Tensor) -> Sequence[Tensor]:
        if chosen:
            return chosen[0](*inputs)
        expected = graph(*inputs)
        try:
            candidate = interpreted(graph)
            same = all(map(_same_bits, candidate(*inputs), expected))
            reason = "" if same else "its results are not those of Python, bit for bit"
        except Exception as error:  # Python runs the list after any error
            reason = _reason(error)
        chosen.append(graph if reason else candidate)
        note(reason or USED)
        return expected

    return run


def summary(notes: Sequence[str]) -> str:
    """The entry of status.json for all programs of a cell: USED, or the first reason why Python runs one."""
    return next((note for note in notes if note != USED), USED)


def interpreted(graph: GraphModule) -> Flat:
    """The operations as a function that the interpreter runs. Raises any error of the interpreter."""
    interpreter = InterpreterGraph()
    values: dict[Node, Any] = {}
    constants: dict[tuple[str, str], Any] = {}

    def constant(value: Any) -> Any:
        key = (type(value).__name__, repr(value))
        if key not in constants:
            constants[key] = interpreter.constant(value)
        return constants[key]

    def argument(value: Any, kind: Any) -> Any:
        if isinstance(value, Node):
            return values[value]
        if kind.kind() == "OptionalType":
            return constant(None) if value is None else argument(value, kind.getElementType())
        if kind.kind() == "ListType":
            inner = kind.getElementType()
            items = value if isinstance(value, list | tuple) else [value]
            return interpreter.items([argument(item, inner) for item in items], inner)
        if kind.kind() == "TensorType":  # a number in a tensor's place, as `vmap` leaves some; Python takes either
            return interpreter.constant(torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None))
        return constant(float(value) if kind.kind() == "FloatType" else number_of(value))

    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = interpreter.input(node.name)
        elif node.op == "get_attr":
            values[node] = interpreter.constant(getattr(graph, node.target))
        elif node.op == "output":
            return interpreter.function([values[leaf] for leaf in tree_leaves(node.args[0])])
        elif node.target is operator.getitem:
            several, index = values[node.args[0]], node.args[1]
            values[node] = several[index] if isinstance(several, list) else interpreter.item(several, constant(index))
        else:
            results = interpreter.call(node.target, _arguments(node, argument))
            values[node] = results[0] if len(results) == 1 else results
    raise ValueError("a list of operations without an output")


def _arguments(node: Node, value_of: Callable[[Any, Any], Any]) -> Callable[[str, Any, Any], Any]:
    """The function that `InterpreterGraph.call` needs: the value of an argument by its name, or its default."""
    given = dict(node.kwargs)
    positional = iter(node.args)

    def argument(name: str, kind: Any, default: Any) -> Any:
        return value_of(next(positional, given.get(name, default)), kind)

    return argument


def _reason(error: Exception) -> str:
    """The first line of a message; the last line of the interpreter's messages, which begin with a traceback."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1 if 'TorchScript' in lines[0] else 0]}"


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
