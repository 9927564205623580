"""The private interfaces of torch that the package uses, with one function for each.

Nothing else in fewshot_bench/training uses such an interface, but for torch.utils._pytree, which
hypergradients/batching.py imports once for the whole package (tests/test_structure.py holds both). Each docstring says
why the interface is needed and what happens without it. All were tested with torch 2.15.0 and no other version. If one
breaks, this is the file to change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

AfterOperation = Callable[[Any, Sequence[Any], Mapping[str, Any], Any], None]
"""Called after each operation: (operation, positional arguments, named arguments, result)."""


def list_of_operations(function: Callable[..., list[Tensor]], inputs: Sequence[Tensor]) -> GraphModule:
    """The elementary operations of `function`, derivatives included, traced with tensors that have only a shape.

    Uses torch.fx.experimental.proxy_tensor.make_fx and its argument `_allow_non_fake_inputs`, which lets constants that
    the function closes over stay real. torch.fx.symbolic_trace, which is public, does not see derivatives. Without it
    there are no traced programs and no CUDA graphs of them: only `--plan program=eager` runs.
    """
    return make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*inputs)


@contextmanager
def after_each_operation(call: AfterOperation) -> Iterator[None]:
    """Within the block, `call` is called after every operation of torch, derivatives included.

    Uses torch.utils._python_dispatch.TorchDispatchMode. Without it nothing can be counted: a dry run shows neither
    hours nor memory, and --shard does not work.
    """
    with _OperationMode(call):
        yield


class _OperationMode(TorchDispatchMode):
    def __init__(self, call: AfterOperation) -> None:
        super().__init__()
        self._call = call

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._call(func, args, kwargs or {}, out)
        return out


def flop_of(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int | None:
    """FLOP of one operation by torch's own formula; None for all operations but convolutions and products.

    The table is public (torch.utils.flop_counter), but its keys are an operation's private `_overloadpacket`. The
    public FlopCounterMode gives the same sums in more time, since it decomposes every operation. Without it: as
    `after_each_operation`.
    """
    formula = flop_registry.get(operation._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=result))


def shares_memory(node: Node) -> bool:
    """Whether the result of a listed operation lies in the memory of its first input: views and in-place operations.

    Uses an operation's private `_schema`. Without it, the memory that a program needs is not known before it runs. If
    memory is short, the system raises its own error or ends the process.
    """
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op == "call_function"  # taking one of several results
    returns = node.target._schema.returns
    return bool(returns) and returns[0].alias_info is not None


class InterpreterGraph:
    """A list of operations for TorchScript's interpreter, added from first to last; `function` then runs it.

    Uses torch._C.Graph and torch._C._create_function_from_graph: torch.jit.script and torch.jit.trace, which are
    public, accept no finished list of operations. Without them Python runs the list, with the same results in 1.2 to
    1.5 times the time; a cell's status.json says so (`interpreter`).
    """

    def __init__(self) -> None:
        self._graph: Any = torch._C.Graph()
        self._tensor = torch._C.TensorType.get()

    def input(self, name: str) -> Any:
        """The next input tensor of the function."""
        return self._graph.addInput(name)

    def constant(self, value: Any) -> Any:
        """A constant: a number, a text, None or a tensor."""
        return self._graph.insertConstant(value)

    def items(self, values: Sequence[Any], kind: Any) -> Any:
        """A list of values. kind: the type of its elements, from the schema of an operation."""
        items = self._graph.appendNode(self._graph.create("prim::ListConstruct", list(values), 1)).output()
        items.setType(torch._C.ListType(kind))
        return items

    def item(self, several: Any, index: Any) -> Any:
        """One tensor of a list of tensors. index: a constant."""
        item = self._graph.appendNode(self._graph.create("aten::__getitem__", [several, index], 1)).output()
        item.setType(self._tensor)
        return item

    def call(self, operation: Any, argument: Callable[[str, Any, Any], Any]) -> list[Any]:
        """The results of an operation. argument(name, type, default): the value of one of its arguments."""
        schema = operation._schema
        inputs = [argument(parameter.name, parameter.type, parameter.default_value) for parameter in schema.arguments]
        node = self._graph.appendNode(self._graph.create(schema.name, inputs, len(schema.returns)))
        outputs = list(node.outputs())
        for output, result in zip(outputs, schema.returns, strict=True):
            output.setType(result.type)
        return outputs

    def function(self, outputs: Sequence[Any]) -> Callable[..., Sequence[Tensor]]:
        """The finished list as a function of its inputs. Raises RuntimeError for a list that is not well-formed."""
        packed = self._graph.appendNode(self._graph.create("prim::TupleConstruct", list(outputs), 1)).output()
        packed.setType(torch._C.TupleType([self._tensor] * len(outputs)))
        self._graph.registerOutput(packed)
        self._graph.lint()
        replay = torch._C._create_function_from_graph("replay", self._graph)

        def run(*inputs: Tensor) -> Sequence[Tensor]:
            # not fused: fusing takes the interpreter longer than it saves
            with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
                results: Sequence[Tensor] = replay(*inputs)
            return results

        return run


def number_of(value: Any) -> Any:
    """The interpreter's number for a type, a memory format or a layout; any other value unchanged.

    Numbers of c10::ScalarType and c10::MemoryFormat, which torch defines only in C++. Without them: as
    InterpreterGraph.
    """
    if isinstance(value, torch.dtype):
        return _DTYPES[value]
    if isinstance(value, torch.memory_format):
        return _FORMATS[value]
    return {torch.strided: 0}[value] if isinstance(value, torch.layout) else value


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
_FORMATS = {torch.contiguous_format: 0, torch.preserve_format: 1, torch.channels_last: 2, torch.channels_last_3d: 3}
