"""MAML's descendants as options of one implementation. Each is what its paper names; rates and steps are a grid's."""

from collections.abc import Callable
from functools import partial

from fewshot_bench.learners.base import Learner
from fewshot_bench.learners.maml import Maml

# Adam at 1e-3 throughout: cbfinn/maml
_maml = partial(Maml, learn_hyperparameters=False, msl_epochs=0, meta_lr_min=0.001)

MAML_FAMILY: dict[str, Callable[..., Learner]] = {
    "maml++": Maml,  # Grefenstette et al. 2019, as the fork ran it
    "maml++-original": partial(  # Antoniou et al. 2018: a rate for each layer and step, of either sign
        Maml, adapt_norms=False, norms="per-step", grain="tensor-and-step", constraint="none"
    ),
    "maml": _maml,  # Finn et al. 2017
    "fomaml": partial(_maml, second_order=False),  # Finn et al. 2017, section 5.2
    "anil": partial(_maml, adapt="head"),  # Raghu et al. 2020, section 4.1
    "boil": partial(_maml, adapt="body"),  # Oh et al. 2021, section 3
    "meta-sgd": partial(  # Li et al. 2017: a rate for each weight, of either sign
        _maml, learn_hyperparameters=True, grain="element", constraint="none"
    ),
}
