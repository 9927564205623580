"""How much memory a list of operations needs: the most bytes that are alive at one time while it is carried out."""

from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node


def peak_bytes(graph: GraphModule) -> int:
    """Of what the operations make and still use, inputs left out; a kernel's own workspace is not known here.

    graph: written down by `make_fx`, which leaves each result's shape with its operation.
    """
    nodes = list(graph.graph.nodes)
    owner: dict[Node, Node] = {}  # a view -> the operation whose memory it shows
    for node in nodes:
        source = node.all_input_nodes[0] if node.all_input_nodes and _is_view(node) else node
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


def _is_view(node: Node) -> bool:
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op == "call_function"  # taking one of several results
    returns = node.target._schema.returns
    return bool(returns) and returns[0].alias_info is not None


def _bytes(node: Node) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(node.meta.get("val")))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [one for one in value if isinstance(one, Tensor)] if isinstance(value, tuple | list) else []
