"""A list of operations carried out by torch's own interpreter, which needs no Python between them.

Between two small operations Python takes about as long as the second: replays are 1.2 to 1.5 times faster without it.
The interpreter's interface is not one that torch promises, so whatever it cannot take is left to Python.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.utils._pytree import tree_leaves

Flat = Callable[..., list[Tensor]]

_DTYPES = {
    torch.uint8: 0,
    torch.int8: 1,
    torch.int16: 2,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.float32: 6,
    torch.float64: 7,
    torch.bool: 11,
    torch.bfloat16: 15,
}
"""Numbers of c10::ScalarType."""

_FORMATS = {torch.contiguous_format: 0, torch.preserve_format: 1, torch.channels_last: 2, torch.channels_last_3d: 3}
"""Numbers of c10::MemoryFormat."""


def interpreted(graph: GraphModule) -> Flat | None:
    """The same operations on the same inputs, results as a list; None where the interpreter cannot take them."""
    try:
        program = torch._C._create_function_from_graph("replay", _translated(graph))
    except Exception:
        return None

    def run(*inputs: Tensor) -> list[Tensor]:
        # as they are: to fuse them takes the interpreter longer than it saves
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return list(program(*inputs))

    return run


def _translated(graph: GraphModule) -> Any:
    """The interpreter's own graph of the operations."""
    made: Any = torch._C.Graph()
    values: dict[Node, Any] = {}
    constants: dict[tuple[str, str], Any] = {}

    def constant(value: Any) -> Any:
        key = (type(value).__name__, repr(value))
        if key not in constants:
            constants[key] = made.insertConstant(value)
        return constants[key]

    def argument(value: Any, kind: Any) -> Any:
        if isinstance(value, Node):
            return values[value]
        if kind.kind() == "OptionalType":
            return constant(None) if value is None else argument(value, kind.getElementType())
        if kind.kind() == "ListType":
            inner = kind.getElementType()
            items = value if isinstance(value, list | tuple) else [value]
            node = made.create("prim::ListConstruct", [argument(item, inner) for item in items], 1)
            node.output().setType(torch._C.ListType(inner))
            return made.appendNode(node).output()
        return constant(float(value) if kind.kind() == "FloatType" else _number(value))

    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = made.addInput(node.name)
        elif node.op == "get_attr":
            values[node] = made.insertConstant(getattr(graph, node.target))
        elif node.op == "output":
            found = [values[leaf] for leaf in tree_leaves(node.args[0])]
            packed = made.appendNode(made.create("prim::TupleConstruct", found, 1))
            packed.output().setType(torch._C.TupleType([torch._C.TensorType.get()] * len(found)))
            made.registerOutput(packed.output())
        elif node.target is operator.getitem:
            several, index = values[node.args[0]], node.args[1]
            if not isinstance(several, list):  # one result, a list of tensors
                item = made.appendNode(made.create("aten::__getitem__", [several, constant(index)], 1)).output()
                item.setType(torch._C.TensorType.get())
            values[node] = several[index] if isinstance(several, list) else item
        else:
            schema = node.target._schema
            given = dict(zip((one.name for one in schema.arguments), node.args, strict=False)) | node.kwargs
            inputs = [argument(given.get(one.name, one.default_value), one.type) for one in schema.arguments]
            call = made.appendNode(made.create(schema.name, inputs, len(schema.returns)))
            outputs = list(call.outputs())
            for output, result in zip(outputs, schema.returns, strict=True):
                output.setType(result.type)
            values[node] = outputs[0] if len(outputs) == 1 else outputs
    made.lint()
    return made


def _number(value: Any) -> Any:
    """What stands for a type, a memory format or a layout; any other value is itself."""
    if isinstance(value, torch.dtype):
        return _DTYPES[value]
    if isinstance(value, torch.memory_format):
        return _FORMATS[value]
    return {torch.strided: 0}[value] if isinstance(value, torch.layout) else value
