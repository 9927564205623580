"""What is known against a published number that stands beside a row."""

from fewshot_bench.report import published
from fewshot_bench.report.measured_alike import no_difference_note
from fewshot_bench.report.rows import Row

_PLACE = ("dataset", "ways", "shots", "backbone", "inner_optimizer")


def doubts(row: Row) -> tuple[str, ...]:
    """Footnotes of a row's published value: it was measured otherwise, it is quoted, or its sources disagree.

    Names are compared without regard to case.
    """
    if row.comparison is None:
        return ()
    axes = {key: row.group.axes[key] for key in _PLACE}
    place = {key: value.lower() if isinstance(value, str) else value for key, value in axes.items()}
    quoted = (row.comparison.quoted,) if row.comparison.quoted else ()
    return (*no_difference_note(row.otherwise), *quoted, *published.flags(row.comparison.source, **place))
