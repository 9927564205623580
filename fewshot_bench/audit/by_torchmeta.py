"""torchmeta's gradients, by a MetaModule and gradient_update_parameters."""

from collections import OrderedDict
from typing import Any

from torch import Tensor

from fewshot_bench.audit.walking import Of, Weights, walked
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.peers.importing import torchmeta


def _maml(module: Weights, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
    library = torchmeta()
    update = library.utils.gradient_based.gradient_update_parameters

    class Around(library.modules.MetaModule):  # type: ignore[misc, name-defined]
        """The module, with its weights wherever they have walked to: torchmeta hands them to each pass."""

        def __init__(self) -> None:
            super().__init__()
            self._parameters.update(module._parameters)

        def forward(self, of: Of, params: dict[str, Tensor]) -> Tensor:
            return of({key.replace("-", "."): tensor for key, tensor in params.items()})

    model = Around()
    params = OrderedDict(model.meta_named_parameters())
    for t in range(bilevel.steps):
        loss = model(lambda w, t=t: bilevel.inner(w, phi, task, t), params)
        params = update(model, loss, params=params, step_size=phi["lr"])
    value: Tensor = model(lambda w: bilevel.outer(w, phi, task, bilevel.steps - 1)[0], params)
    return value


torchmeta_maml = walked(_maml)
