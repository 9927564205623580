"""How much of an accuracy is due to the protocol: one trained cell, evaluated by the protocols that papers use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fewshot_bench.api.evaluating import check_same_images
from fewshot_bench.api.loading import TrainedCell, loaded
from fewshot_bench.api.measuring import Answers, Request, Say, measure
from fewshot_bench.api.pools import Data, pool_for
from fewshot_bench.api.protocols import FactorValues, Variation, check_values, variations
from fewshot_bench.api.sensitivity_table import SensitivityRow, frame, rows_of, table_of
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_text
from fewshot_bench.basics.lease import OthersError, TakenOverError, lease
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.report.markdown import markdown
from fewshot_bench.report.table import Table

CSV = "sensitivity.csv"


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """Accuracies of one trained cell by several protocols, its own first. A notebook shows the table.

    Attributes:
        trained: The cell.
        rows: One row per protocol.
    """

    trained: TrainedCell
    rows: tuple[SensitivityRow, ...]

    def frame(self) -> pd.DataFrame:
        """The rows as a pandas table, in percent."""
        return frame(self.rows)

    def table(self) -> Table:
        """The rows as a formatted table with footnotes."""
        return table_of(self.trained, self.rows)

    def _repr_markdown_(self) -> str:
        return markdown([self.table()], [])

    def __repr__(self) -> str:
        return f"{counted(len(self.rows), 'protocol')} of {self.trained.cell.id}"


def sensitivity(
    cell: TrainedCell | str | Path,
    data: Data = None,
    *,
    tasks: Sequence[int] = FactorValues().tasks,
    queries: Sequence[int] = FactorValues().queries,
    ensemble: Sequence[int] = FactorValues().ensemble,
    steps: Sequence[int] = FactorValues().steps,
    say: Say = lambda text: None,
) -> Sensitivity:
    """Evaluate a finished cell by its own protocol and by others, without training.

    Results are written into the cell's folder as they come: sensitivity.json by task, and sensitivity.csv. Call it
    again to resume: only new protocols are measured.

    Args:
        cell: A cell from `load_cell`, or its folder.
        data: The pool, or the folder of the data. None: $FEWSHOT_DATA, or else datasets/.
        tasks: Numbers of test tasks.
        queries: Numbers of query images per class.
        ensemble: Numbers of epochs whose logits are averaged.
        steps: Numbers of inner steps.
        say: Called with the expected duration, then with each result.

    Returns:
        One row per protocol; differences to the cell's own protocol are paired by task.

    Raises:
        BenchError: If a value is impossible, if the cell cannot be loaded or the images differ, if your own code was
            edited since, or if another process measures the same cell.

    Examples:
        >>> table = sensitivity(cell, tasks=[24], queries=[1], ensemble=[1], steps=[1])
        >>> table.frame()["factor"][0]
        'as tested'
    """
    values = FactorValues(tuple(tasks), tuple(queries), tuple(ensemble), tuple(steps))
    check_values(values)
    trained = cell if isinstance(cell, TrainedCell) else loaded(cell)
    if trained.changed:
        raise BenchError(
            f"{trained.cell.id}: {trained.doubt}. Restore the old code, or `run` its grid with --accept-code to keep "
            "the result for the new code too."
        )
    if dataset_of(trained.cell).loss != "cross-entropy":
        raise BenchError(f"{trained.cell.id} learned regression; the protocols compared here are those of accuracies.")
    pool = pool_for(trained.cell, data).pool
    check_same_images(trained, pool)
    chosen = variations(trained, values)

    def written(outcome: Answers) -> Sensitivity:
        if lost():
            raise TakenOverError
        result = Sensitivity(trained, rows_of(trained, chosen, *outcome))
        write_text(trained.folder / CSV, result.frame().to_csv(index=False, lineterminator="\n"))
        return result

    try:
        with lease(trained.folder, say) as lost:
            return written(measure(trained, pool, jobs_of(chosen), say, written))
    except OthersError as error:
        raise BenchError(f"{trained.folder}: {error}. Give the command again when that one has ended.") from error


def jobs_of(chosen: Sequence[Variation]) -> list[Request]:
    """What to measure, in order: the own protocol as tested, other protocols, then the own protocol on more tasks."""
    own = chosen[0].protocol
    possible = [Request(one.protocol, one.tasks) for one in chosen if not one.reason]
    longer = sorted(job for job in possible if job.protocol == own)
    return list(dict.fromkeys([possible[0], *(job for job in possible if job.protocol != own), *longer]))
