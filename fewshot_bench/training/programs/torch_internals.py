"""The interfaces of torch that torch does not promise to keep, a function for each.

Nothing else in fewshot_bench/training uses such an interface, but for torch.utils._pytree, which
hypergradients/batching.py imports once for the whole package (tests/test_structure.py holds both). Each docstring says
why the interface is needed and what the package does without it. All were tried with torch 2.15.0, none with another
version; if one breaks, this is the file to change.
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

Look = Callable[[Any, Sequence[Any], Mapping[str, Any], Any], None]
"""(operation, its positional arguments, its named ones, its result), after each operation."""


def list_of_operations(function: Callable[..., list[Tensor]], inputs: Sequence[Tensor]) -> GraphModule:
    """The elementary operations of `function`, derivatives included, found by tensors with a shape and no numbers.

    Uses torch.fx.experimental.proxy_tensor.make_fx and its argument `_allow_non_fake_inputs`, which lets constants that
    the function closes over stay real. torch.fx.symbolic_trace, which is public, does not see derivatives. Without it
    there are no traced programs and no CUDA graphs of them: only `--plan program=eager` runs.
    """
    return make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*inputs)


@contextmanager
def operations_seen(look: Look) -> Iterator[None]:
    """Within the block, `look` is called after every operation that torch carries out, derivatives included.

    Uses torch.utils._python_dispatch.TorchDispatchMode. Without it nothing can be counted: a dry run has no hours and
    no memory, and --shard no weights.
    """
    with _Seen(look):
        yield


class _Seen(TorchDispatchMode):
    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._look(func, args, kwargs or {}, out)
        return out


def flop_of(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int | None:
    """FLOP of one operation by torch's own formula; None if it has none, as all but convolutions and products.

    The table is public (torch.utils.flop_counter), but its keys are an operation's private `_overloadpacket`. The
    public FlopCounterMode gives the same sums in more time, since it takes every operation apart. Without it: as
    `operations_seen`.
    """
    formula = flop_registry.get(operation._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=result))


def makes_nothing_new(node: Node) -> bool:
    """Whether the result of a listed operation lies in the memory of its first input: views, and writes in place.

    Uses an operation's private `_schema`. Without it, the memory that a program needs is not known before it runs: too
    large a one ends in the system's own error, or in the end of the process.
    """
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op == "call_function"  # taking one of several results
    returns = node.target._schema.returns
    return bool(returns) and returns[0].alias_info is not None


class InterpretersGraph:
    """A list of operations for the interpreter of TorchScript, made from first to last; `function` then runs it.

    Uses torch._C.Graph and torch._C._create_function_from_graph: torch.jit.script and torch.jit.trace, which are
    public, take no finished list of operations. Without them Python carries the list out, 1.2 to 1.5 times as slowly,
    with the same results; a cell's status.json says so (`interpreter`).
    """

    def __init__(self) -> None:
        self._graph: Any = torch._C.Graph()
        self._tensor = torch._C.TensorType.get()

    def input(self, name: str) -> Any:
        """The next tensor that the function is given."""
        return self._graph.addInput(name)

    def constant(self, value: Any) -> Any:
        """A number, a text, None or a tensor."""
        return self._graph.insertConstant(value)

    def items(self, values: Sequence[Any], kind: Any) -> Any:
        """A list. kind: of its elements, as in the schema of an operation."""
        made = self._graph.appendNode(self._graph.create("prim::ListConstruct", list(values), 1)).output()
        made.setType(torch._C.ListType(kind))
        return made

    def item(self, several: Any, index: Any) -> Any:
        """One of a list of tensors, which is one value. index: a constant."""
        made = self._graph.appendNode(self._graph.create("aten::__getitem__", [several, index], 1)).output()
        made.setType(self._tensor)
        return made

    def call(self, operation: Any, argument: Callable[[str, Any, Any], Any]) -> list[Any]:
        """The results of an operation. argument(name, type, default): the value of one of its arguments."""
        schema = operation._schema
        inputs = [argument(one.name, one.type, one.default_value) for one in schema.arguments]
        made = self._graph.appendNode(self._graph.create(schema.name, inputs, len(schema.returns)))
        outputs = list(made.outputs())
        for output, result in zip(outputs, schema.returns, strict=True):
            output.setType(result.type)
        return outputs

    def function(self, outputs: Sequence[Any]) -> Callable[..., Sequence[Tensor]]:
        """The finished list as a function of its inputs. Raises RuntimeError for a list that is not well-formed."""
        packed = self._graph.appendNode(self._graph.create("prim::TupleConstruct", list(outputs), 1)).output()
        packed.setType(torch._C.TupleType([self._tensor] * len(outputs)))
        self._graph.registerOutput(packed)
        self._graph.lint()
        made = torch._C._create_function_from_graph("replay", self._graph)

        def run(*inputs: Tensor) -> Sequence[Tensor]:
            # as they are: to fuse them takes the interpreter longer than it saves
            with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
                found: Sequence[Tensor] = made(*inputs)
            return found

        return run


def number_of(value: Any) -> Any:
    """The number by which the interpreter knows a type, a memory format or a layout; any other value as it is.

    Numbers of c10::ScalarType and c10::MemoryFormat, which torch has in C++ alone. Without them: as InterpretersGraph.
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
