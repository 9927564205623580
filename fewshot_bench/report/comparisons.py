"""Which published numbers stand beside which rows, and what they stand for."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fewshot_bench.basics.about import learners
from fewshot_bench.cells.contents import OTHER_TESTS
from fewshot_bench.report.published import Published, Stated, numbers


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


COMPARISONS = tuple(Comparison(name, **one) for name, about in learners().items() for one in about.get("published", ()))
"""Those that the learners' files name."""


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
