"""iMAML in one dimension: the pictures of Huszar's "Notes on iMAML" (inference.vc, 2019), drawn and checked anew."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.style
import pandas as pd
import torch
from matplotlib.figure import Figure

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import cannot_write, replacing, write_text
from fewshot_bench.illustrations.curves import curves
from fewshot_bench.illustrations.figures import derivative_figure, meta_objective_figure, solution_figure
from fewshot_bench.illustrations.noisy_figure import noisy_figure
from fewshot_bench.illustrations.noisy_tables import as_text, estimator_table, stochastic_curves
from fewshot_bench.illustrations.solution import jumps
from fewshot_bench.report.style import STYLE

_DPI = 150
_OF_THE_CURVES = 80  # times fewer samples for each point of a curve than for the table


class Drawn(NamedTuple):
    """files: what was written. table: the estimators, as text."""

    files: tuple[Path, ...]
    table: str


def draw(folder: Path, samples: int) -> Drawn:
    """Writes four pictures and their values into `folder`. samples: of each row of the table of estimators.

    Raises BenchError for fewer samples than a standard error for the curves needs, or where files cannot be written.
    """
    if samples < 2 * _OF_THE_CURVES:
        raise BenchError(
            f"{counted(samples, 'sample')} cannot give a standard error; take {2 * _OF_THE_CURVES} or more."
        )
    try:
        # Before the work: what cannot be written to is better known then than after it.
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    values = curves()
    leaps = jumps(*(torch.from_numpy(values[name].to_numpy().copy()) for name in ("theta0", "solution")))
    stochastic, estimators = stochastic_curves(samples // _OF_THE_CURVES), estimator_table(samples)
    with matplotlib.style.context(["default", STYLE]):
        figures = {
            "solution": solution_figure(values, leaps),
            "derivative": derivative_figure(values, leaps),
            "meta-objective": meta_objective_figure(values, leaps),
            "stochastic": noisy_figure(stochastic, estimators, values, leaps),
        }
        pictures = [_write_picture(folder / f"imaml-1d-{name}.png", figure) for name, figure in figures.items()]
    tables = {
        "curves": values,
        "jumps": pd.DataFrame(leaps),
        "stochastic": stochastic,
        "estimators": estimators,
    }
    csvs = [_write_csv(folder / f"imaml-1d-{name}.csv", table) for name, table in tables.items()]
    return Drawn((*pictures, *csvs), as_text(estimators))


def _write_picture(path: Path, figure: Figure) -> Path:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})  # the same bytes every time
    return path


def _write_csv(path: Path, table: pd.DataFrame) -> Path:
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.12g"))
    return path
