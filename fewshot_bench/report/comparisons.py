"""Which published numbers stand beside which rows, and what they stand for."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fewshot_bench.cells.contents import OTHER_TESTS
from fewshot_bench.report.published import TABLE_2, Published, Stated, numbers

REPTILE, IMAML = "Reptile arXiv:1803.02999 tables", "iMAML arXiv:1909.04630 Table 2"
_ONE_NETWORK = "only beside vgg, the nearest to its four convolutions"
_REPTILE_RECIPE = (
    f"{_ONE_NETWORK} (Omniglot: of stride 2, 64 filters; mini-ImageNet: 32 filters); inner Adam with beta1 = 0, "
    "100,000 meta-steps of 5 tasks (20-way: 200,000), 50 inner steps at test, 10,000 test tasks of 1 query per class; "
    "what its ± is, it does not state"
)
_INTERVAL = "±: half the 95 % interval over its test tasks"


class Comparison(NamedTuple):
    """The numbers of one method in one source of paper_numbers.csv, and the rows that they stand beside.

    learner: of those rows. batch_norm: of theirs; None: any, since the source's is another. recipe: what the numbers
    stand for. backbone, inner_optimizer: of those rows; None: as the source's own line has it. std: whether what is
    printed behind ± is a standard deviation over seeds. quoted: whose numbers the source repeats, in a sentence; empty
    where they are its own.
    """

    learner: str
    source: str
    method: str
    recipe: str
    batch_norm: str | None = "transductive"
    backbone: str | None = "vgg"
    inner_optimizer: str | None = "sgd"
    std: bool = False
    quoted: str = ""


class Beside(NamedTuple):
    """A published number, the comparison it belongs to, and how it was measured, as far as its source states it."""

    value: Published
    comparison: Comparison
    protocol: Stated


COMPARISONS = (
    Comparison(
        "maml++",
        TABLE_2,
        "MAML++ (Gimli variant)",
        # appendix B, config.yaml and notebook
        "std over 3 training seeds (ddof 1) that share 600 test tasks and, it seems, initial weights; 1 query per "
        "class, transductive batch norm, 5 inner steps, logits averaged over the 5 best validation epochs",
        backbone=None,
        inner_optimizer=None,
        std=True,
    ),
    Comparison(
        "maml",
        REPTILE,
        "MAML + transduction",
        f"quoted there from Finn et al. 2017; {_ONE_NETWORK}; {_INTERVAL}",
        quoted="Quoted by Reptile's paper from Finn et al. 2017, not run by it.",
    ),
    Comparison(
        "fomaml",
        REPTILE,
        "FOMAML + transduction",
        f"quoted there; {_ONE_NETWORK}; {_INTERVAL}",
        quoted="Quoted by Reptile's paper, not run by it.",
    ),
    Comparison("reptile", REPTILE, "Reptile + transduction", _REPTILE_RECIPE, inner_optimizer="adam"),
    Comparison("reptile", REPTILE, "Reptile", _REPTILE_RECIPE, batch_norm="inductive", inner_optimizer="adam"),
    *(
        Comparison(
            learner,
            IMAML,
            "iMAML (GD, 5 CG steps)",
            f"{_ONE_NETWORK}, of stride 2; 16 (5-way) or 25 (20-way) gradient steps, lambda 2; {code}{_INTERVAL}",
        )
        for learner, code in (
            ("imaml", ""),
            ("imaml-released", "whether by the code that was released is not known; "),
        )
    ),
    *(
        Comparison(
            "protonet",
            source,
            "ProtoNet",
            f"{_ONE_NETWORK}; trained on tasks of more ways, tested with batch norm's running averages of training; "
            f"{spread}",
            batch_norm=None,
            inner_optimizer="none",
            quoted=quoted,
        )
        for source, spread, quoted in (
            ("ProtoNet paper", _INTERVAL, ""),
            ("PaddleFSL README quoting the paper", "without a ±", "Quoted by PaddleFSL's README from the paper."),
        )
    ),
)


def beside(axes: Mapping[str, Any], batch_norm: str) -> Beside | None:
    """What was published for a cell of these axes, compared case-blind; None where nothing was."""
    names = (str(axes[key]).lower() for key in ("learner", "dataset", "backbone", "inner_optimizer"))
    return _by_place().get((*names, axes["ways"], axes["shots"], batch_norm))


@cache
def _by_place() -> dict[tuple[object, ...], Beside]:
    found: dict[tuple[object, ...], Beside] = {}
    for one in COMPARISONS:
        for row in numbers():
            if (row.source, row.method) == (one.source, one.method):
                network, rule = one.backbone or row.backbone, one.inner_optimizer or row.inner_optimizer
                names = (one.learner, row.dataset, network.lower(), rule.lower())
                for batch_norm in [one.batch_norm] if one.batch_norm else OTHER_TESTS.values():
                    found[*names, row.ways, row.shots, batch_norm] = Beside(row.value, one, row.protocol)
    return found
