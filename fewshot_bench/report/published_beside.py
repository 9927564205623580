"""Which published numbers stand beside which rows, what they stand for, and whether they were measured alike.

Only if a number was measured as a row was, tables show a difference. Compared are the split, and the test's queries,
inner steps, number of tasks (which is also that of validation) and number of epochs whose logits are averaged (fewer if
a short run has fewer). Batch norm is not compared: it decides which published number stands beside a row. The training
budget is not compared: every table prints it. Nor is anything that no setting of a cell can do, such as quarter turns
of test tasks: presets list it as not copied.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fewshot_bench.basics.about import learners
from fewshot_bench.basics.counting import counted, plural
from fewshot_bench.cells.contents import OTHER_TESTS
from fewshot_bench.report.names import text_of
from fewshot_bench.report.published import Published, Stated, numbers


class PublishedSource(NamedTuple):
    """The numbers of one method in one source of paper_numbers.csv, and the rows that they stand beside.

    learner: of those rows. name: of the source. batch_norm: of the rows; None: any, since the source's is another.
    recipe: what the numbers stand for. backbone, inner_optimizer: of the rows; None: as the source's own line has it.
    std: whether what is printed behind ± is a standard deviation over seeds. quoted: whose numbers the source repeats,
    in a sentence; empty if they are its own. options: of the learner, (name, value), that the rows have.
    """

    learner: str
    name: str
    method: str
    recipe: str
    batch_norm: str | None = "transductive"
    backbone: str | None = "vgg"
    inner_optimizer: str | None = "sgd"
    std: bool = False
    quoted: str = ""
    options: tuple[tuple[str, Any], ...] = ()


class PublishedBeside(NamedTuple):
    """A published number, the source that it comes from, and how it was measured, as far as the source states it."""

    value: Published
    source: PublishedSource
    protocol: Stated


def _source(learner: str, known: Mapping[str, Any]) -> PublishedSource:
    others = {key: value for key, value in known.items() if key not in ("source", "options")}
    return PublishedSource(learner, known["source"], **others, options=tuple(known.get("options", {}).items()))


SOURCES = tuple(_source(name, one) for name, about in learners().items() for one in about.get("published", ()))
"""Those that the learners' files name."""


def published_beside(
    axes: Mapping[str, Any], batch_norm: str, options: Mapping[str, Any] | None = None
) -> PublishedBeside | None:
    """What was published for a cell of these axes, compared case-blind; None if nothing was.

    options: of the cell's learner that differ from its defaults.
    """
    names = (str(axes[key]).lower() for key in ("learner", "dataset", "backbone", "inner_optimizer"))
    found = _by_place().get((*names, axes["ways"], axes["shots"], batch_norm))
    wanted = found.source.options if found else ()
    return found if all((options or {}).get(key) == value for key, value in wanted) else None


@cache
def _by_place() -> dict[tuple[object, ...], PublishedBeside]:
    found: dict[tuple[object, ...], PublishedBeside] = {}
    for one in SOURCES:
        for row in numbers():
            if (row.source, row.method) == (one.name, one.method):
                network, rule = one.backbone or row.backbone, one.inner_optimizer or row.inner_optimizer
                names = (one.learner, row.dataset, network.lower(), rule.lower())
                for batch_norm in [one.batch_norm] if one.batch_norm else OTHER_TESTS.values():
                    found[*names, row.ways, row.shots, batch_norm] = PublishedBeside(row.value, one, row.protocol)
    return found


def in_words(fact: str, value: object) -> str:
    """One fact of a protocol, a key of published.STATED, as a phrase."""
    match fact:
        case "queries":
            return f"{_words(value, 'query')} per class"
        case "inner_steps_test":
            return f"{_words(value, 'inner step')} at test"
        case "evaluation_tasks":
            return _words(value, "test task")
        case "ensemble":
            return "test by one network" if value == 1 else f"test by the mean logits of {_words(value, 'epoch')}"
    return f"{fact} {text_of(value)}"


def protocol_differences(here: Mapping[str, Any], published: Stated) -> tuple[str, ...]:
    """The facts that differ, such as "split lake (published: split gimli)". A fact that one side lacks is not compared.

    here: a row's protocol with the keys of published.STATED; other keys are ignored.
    """
    return tuple(
        f"{in_words(fact, here[fact])} (published: {' or '.join(in_words(fact, value) for value in theirs)})"
        for fact, theirs in published.items()
        if here.get(fact) is not None and here[fact] not in theirs
    )


def no_difference_note(otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The footnote at a published number that was measured otherwise; none if it was measured alike."""
    return (f"Measured otherwise than here, so without a difference: {'; '.join(otherwise)}.",) if otherwise else ()


def _words(value: object, noun: str) -> str:
    return counted(value, noun) if isinstance(value, int) else f"{text_of(value)} {plural(noun)}"
