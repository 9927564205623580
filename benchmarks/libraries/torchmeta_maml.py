"""torchmeta: gradient_update_parameters on its own modules, one task after another (its examples/maml/train.py).

As there, the graphs of all tasks are kept until one backward pass at the end.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.libraries.work import Answer, NotOfferedError, Work, answer, loss, one_after_another
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.peers.importing import torchmeta

MODULES, UPDATE = torchmeta().modules, torchmeta().utils.gradient_based.gradient_update_parameters


@one_after_another
def maml(work: Work) -> Callable[[], Answer]:
    if work.setting.rule != "sgd":
        raise NotOfferedError("torchmeta's gradient_update_parameters is gradient descent alone")
    network, tasks = as_meta_module(work.copy()).to(next(work.network.parameters())), work.each()
    network.load_state_dict(work.network.state_dict())

    def step() -> Answer:
        network.zero_grad()
        losses = []
        for task in tasks:
            params = None
            for _ in range(work.setting.steps):
                params = UPDATE(
                    network,
                    loss(network(task.support.x, params=params), task.support),
                    params=params,
                    step_size=work.rate,
                    first_order=False,
                )
            losses.append(loss(network(task.query.x, params=params), task.query))
        torch.stack(losses).mean().backward()
        return answer(losses, network.named_parameters())

    return step


class Block(MODULES.MetaModule):  # type: ignore[misc, name-defined]
    """A module with a forward of its own, whose layers get their part of the parameters it is given."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self._forward = type(block).forward
        for name, layer in block.named_children():
            self.add_module(name, as_meta_module(layer))

    def forward(self, x: Tensor, params: Params | None = None) -> Tensor:
        def given(name: str, layer: nn.Module) -> Callable[..., Any]:
            takes = isinstance(layer, MODULES.MetaModule)
            return partial(layer, params=self.get_subdict(params, name)) if takes else layer

        layers = SimpleNamespace(**{name: given(name, layer) for name, layer in self.named_children()})
        result: Tensor = self._forward(layers, x)
        return result


def as_meta_module(module: nn.Module) -> nn.Module:
    """The same network of torchmeta's modules, parameters under the same names; their values are not taken over."""
    match module:
        case nn.Sequential():
            layers = [(name, as_meta_module(layer)) for name, layer in module.named_children()]
            return MODULES.MetaSequential(OrderedDict(layers))
        case nn.Conv2d():
            shape = (module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding)
            return MODULES.MetaConv2d(*shape, bias=module.bias is not None)
        case nn.BatchNorm2d():
            return MODULES.MetaBatchNorm2d(module.num_features, track_running_stats=False)
        case nn.Linear():
            return MODULES.MetaLinear(module.in_features, module.out_features)
    return Block(module) if list(module.parameters()) else module
