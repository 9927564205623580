"""The rows as a table: how much of an accuracy is protocol."""

from collections.abc import Sequence

from fewshot_bench.api.differences import Estimated
from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.protocols import own_protocol
from fewshot_bench.api.sensitivity_rows import Row
from fewshot_bench.basics.counting import counted
from fewshot_bench.report.table import Column, Entry, Table

NONE = "–"


def table_of(trained: TrainedCell, rows: Sequence[Row]) -> Table:
    """One line a protocol; what could not be measured has a footnote that says why."""
    columns = (
        Column("differs in"),
        Column("value"),
        Column("tasks", "right"),
        Column("test accuracy", "right"),
        Column("difference", "right"),
    )
    return Table(
        name="sensitivity",
        title=f"How much is protocol: one network, {trained.cell.id}",
        columns=columns,
        rows=tuple(_entries(row) for row in rows),
        keys=1,
        section=1,
        under=(_own(trained), _recorded(trained, rows), _span(trained, rows), MEANING),
    )


MEANING = (
    "Accuracy in %, ± half the width of the 95 % interval over test tasks. Differences are to the protocol as tested, "
    "in points: paired by task where only the protocol differs, since all protocols share classes and support images; "
    "between numbers of tasks, of which the longer list holds the shorter, by the tasks that are not shared. It is one "
    "training, so none of this says how far another seed would be off."
)


def _entries(row: Row) -> tuple[Entry, ...]:
    one = row.variation
    head = Entry(one.factor), Entry(one.value), Entry(f"{one.tasks:,}")
    if row.accuracy is None:
        return (*head, Entry(NONE, (row.reason,)), Entry(""))
    difference = "as tested" if row.difference is None else _points(row.difference, "+.2f")
    return (*head, Entry(_points(row.accuracy, ".2f")), Entry(difference))


def _points(value: Estimated, form: str) -> str:
    half = "" if value.half is None else f" ± {100 * value.half:.2f}"
    return f"{100 * value.mean:{form}}{half}"


def _own(trained: TrainedCell) -> str:
    cell, own = trained.cell, own_protocol(trained)
    steps = f", {counted(own.steps, 'inner step')}" if trained.learner.traits.inner_loop else ""
    tasks, queries = counted(cell.evaluation.tasks, "task"), counted(own.queries, "query")
    return (
        f"As tested: {cell.dataset} {cell.ways}-way {cell.shots}-shot, {tasks}, {queries} a "
        f"class, {own.batch_norm} batch norm, ensemble of {own.ensemble}{steps}."
    )


def _recorded(trained: TrainedCell, rows: Sequence[Row]) -> str:
    """Whether the cell's own test came out again as it is on record."""
    recorded, found = trained.result["test_accuracy"], rows[0].accuracy
    if found is not None and abs(found.mean - recorded) < 1e-12:
        return "Its own test comes out as recorded in result.json."
    return f"result.json has {100 * recorded:.2f} for its own test: another device or version computed that."


def _span(trained: TrainedCell, rows: Sequence[Row]) -> str:
    """From the lowest row to the highest, of those on the same tasks: others would add chance to it."""
    count = trained.cell.evaluation.tasks
    found = [
        (row.accuracy.mean, row.variation) for row in rows if row.accuracy is not None and row.variation.tasks == count
    ]
    (low, worst), (high, best) = (pick(found, key=lambda pair: pair[0]) for pick in (min, max))
    return (
        f"The same weights are worth from {100 * low:.2f} ({_named(worst.factor, worst.value)}) to {100 * high:.2f} % "
        f"({_named(best.factor, best.value)}): {100 * (high - low):.2f} points apart by protocol alone."
    )


def _named(factor: str, value: str) -> str:
    return f"{factor} {value}".strip()
