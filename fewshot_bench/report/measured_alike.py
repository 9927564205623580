"""Whether a published number was measured as a row was; only then do the two have a difference.

What counts is how an accuracy is measured: the split, and of the test its queries, inner steps, number of tasks
(validation, which chooses what is tested, has as many) and how many epochs' logits are averaged, fewer where a short
run has no more. Batch norm decides which published number stands beside a row at all (comparisons.py). How long a
network was trained does not count: the tables give every budget. Nor does what no cell can be set to do, such as
quarter turns of test tasks: presets list it as not copied.
"""

from collections.abc import Mapping
from typing import Any

from fewshot_bench.basics.counting import counted, plural
from fewshot_bench.report.groups import show
from fewshot_bench.report.published import Stated


def in_words(fact: str, value: object) -> str:
    """One fact of a protocol, a key of published.STATED, as a phrase."""
    match fact:
        case "queries":
            return f"{_counted(value, 'query')} per class"
        case "inner_steps_test":
            return f"{_counted(value, 'inner step')} at test"
        case "evaluation_tasks":
            return _counted(value, "test task")
        case "ensemble":
            return "test by one network" if value == 1 else f"test by the mean logits of {_counted(value, 'epoch')}"
    return f"{fact} {show(value)}"


def otherwise_measured(here: Mapping[str, Any], published: Stated) -> tuple[str, ...]:
    """The facts that differ, such as "split lake (published: split gimli)". What a side does not say cannot differ.

    here: a row's protocol by the names of published.STATED; other keys do not matter.
    """
    return tuple(
        f"{in_words(fact, here[fact])} (published: {' or '.join(in_words(fact, value) for value in theirs)})"
        for fact, theirs in published.items()
        if here.get(fact) is not None and here[fact] not in theirs
    )


def without_difference(otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The footnote at a published number that was measured otherwise; none where there is nothing to say."""
    return (f"Measured otherwise than here, so without a difference: {'; '.join(otherwise)}.",) if otherwise else ()


def _counted(value: object, noun: str) -> str:
    return counted(value, noun) if isinstance(value, int) else f"{show(value)} {plural(noun)}"
