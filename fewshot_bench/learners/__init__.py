"""The learners of a grid: one file a learner, and the model they adapt."""

from collections.abc import Callable
from functools import partial

from fewshot_bench.learners.base import Learner
from fewshot_bench.learners.finetune import Finetune
from fewshot_bench.learners.imaml import Imaml
from fewshot_bench.learners.imaml_released import ImamlReleased
from fewshot_bench.learners.maml_family import MAML_FAMILY
from fewshot_bench.learners.protonet import Protonet
from fewshot_bench.learners.reptile import Reptile

LEARNERS: dict[str, Callable[..., Learner]] = {
    **MAML_FAMILY,
    "imaml": Imaml,
    "imaml-released": ImamlReleased,
    "imaml-variational": partial(Imaml, objective="variational"),
    "reptile": Reptile,
    "protonet": Protonet,
    "finetune": Finetune,
}
"""Name in a grid -> factory. Its keyword arguments are what `[learners.<name>]` may set."""
