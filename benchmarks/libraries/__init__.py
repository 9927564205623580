"""Who does the work: the package, and other libraries, each in the way of its own examples.

Every contender gets the same networks, weights and tasks (`work.Work`) and gives back the same two things, the mean
query loss and its gradient to the initial weights. Batch norm goes by batch statistics and keeps no running ones, which
other libraries would pay for and not use.
"""

from typing import NamedTuple


class Contender(NamedTuple):
    """where: "module:function" of a `work.Library`, imported by the process that runs it, and by no other.

    ours: the package itself, whose plan says how many threads it takes; others run in one process and in several.
    """

    where: str
    ours: bool = False


CONTENDERS: dict[str, Contender] = {
    "ours": Contender("benchmarks.libraries.ours:speed", ours=True),
    "ours, memory plan": Contender("benchmarks.libraries.ours:memory", ours=True),
    "higher": Contender("benchmarks.libraries.higher_maml:maml"),
    "learn2learn": Contender("benchmarks.libraries.learn2learn_maml:maml"),
    "torchopt": Contender("benchmarks.libraries.torchopt_maml:maml"),
    "torchopt, vmap": Contender("benchmarks.libraries.torchopt_vmap:maml"),
    "torchmeta": Contender("benchmarks.libraries.torchmeta_maml:maml"),
    "autograd loop": Contender("benchmarks.libraries.autograd_loop:maml"),
    "torch.func": Contender("benchmarks.libraries.torch_func:maml"),
}
"""Name in the tables -> contender."""
