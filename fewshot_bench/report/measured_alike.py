"""Whether a published number was measured in the same way as a row; only then does the table show a difference.

Compared are the split, and the test's queries, inner steps, number of tasks (which is also that of validation) and
number of epochs whose logits are averaged (fewer if a short run has fewer). Batch norm is not compared: it decides
which published number stands beside a row (comparisons.py). The training budget is not compared: every table prints it.
Nor is anything that no setting of a cell can do, such as quarter turns of test tasks: presets list it as not copied.
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


def _counted(value: object, noun: str) -> str:
    return counted(value, noun) if isinstance(value, int) else f"{show(value)} {plural(noun)}"
