"""Figures of a results folder as files: PNG to look at, PDF to print, CSV with the exact values."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import replacing, write_text
from fewshot_bench.cells.folders import HYPERPARAMETERS, METRICS, RESULT
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.hyperparameter_figure import hyperparameter_figure
from fewshot_bench.report.learning_curves import Curve, curve_figure, read_curve, trained
from fewshot_bench.report.records import COLUMNS, Trajectories, read_trajectories
from fewshot_bench.report.style import STYLE

_DPI = 200
_NO_DATE = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
"""The same values give the same bytes, whenever and with whichever version of the library."""


class FigureFiles(NamedTuple):
    """files: what was written for a cell. fault: why nothing was, a sentence."""

    files: tuple[Path, ...] = ()
    fault: str = ""


Outdated = Callable[[Path, Sequence[Path]], bool]
"""Whether to draw a figure: (its last file, the records that it is made of) -> bool."""


def plot(directory: Path) -> Iterator[FigureFiles]:
    """Draws what every trained cell of `directory` learned beside its weights, and how it learned.

    Raises BenchError if there is no cell, or figures cannot be written.
    """
    return _plotted(directory, read_cells(directory), lambda last, records: True)


def plot_new(directory: Path, cells: Sequence[CellFolder] | None = None) -> Iterator[FigureFiles]:
    """Draws only figures that are missing, or older than their records: to thousands of cells a run adds a few.

    Args:
        cells: what lies in `directory`/cells; None: they are read here.
    """
    return _plotted(directory, read_cells(directory) if cells is None else cells, _outdated)


def _outdated(last: Path, records: Sequence[Path]) -> bool:
    """Whether the figure is missing, was not written to its end, or is older than a record."""
    written = [path.stat().st_mtime_ns for path in records if path.is_file()]
    return not last.is_file() or last.stat().st_mtime_ns <= max(written, default=0)


def _plotted(directory: Path, cells: Sequence[CellFolder], outdated: Outdated) -> Iterator[FigureFiles]:
    figures = directory / "figures"
    for cell in cells:
        try:
            trajectories = read_trajectories(cell)
        except BenchError as fault:
            yield FigureFiles(fault=f"No figure: {fault}")
            continue
        if trajectories is not None:
            yield FigureFiles(files=tuple(_write(trajectories, figures, outdated)))
    for one in trained(grouped(cells)):
        records = [one.cell.folder / METRICS, *([one.twin.folder / RESULT] if one.twin else [])]
        stem = f"{one.cell.name}-learning-curve"
        try:  # a long run's metrics are long to read
            curve = read_curve(one) if outdated(figures / f"{stem}.csv", records) else None
        except BenchError as fault:
            yield FigureFiles(fault=f"No figure: {fault}")
            continue
        if curve is not None:
            yield FigureFiles(files=tuple(_write_curve(curve, figures, stem)))


def figures_of(trajectories: Trajectories) -> dict[str, tuple[list[str], list[str]]]:
    """By the end of the file's name: the panels of a figure, and the hyperparameters of its CSV.

    learning-rates is the paper's Figure 2; betas its Figure 3, in which the rates stand beside Adam's betas. What other
    inner optimizers learn has a figure of its own.
    """
    names = list(dict.fromkeys(trajectories.table["hyperparameter"]))
    betas = [name for name in names if name.startswith("beta")]
    rates = [name for name in names if name == "lr"]
    out = {name: ([name], [name]) for name in names if name not in (*rates, *betas)}
    out |= {"learning-rates": (rates, rates)} if rates else {}
    return out | ({"betas": (rates + betas, betas)} if betas else {})


def _write(trajectories: Trajectories, folder: Path, outdated: Outdated) -> Iterator[Path]:
    for suffix, (panels, values) in figures_of(trajectories).items():
        stem = f"{trajectories.cell.name}-{suffix}"
        last = folder / f"{stem}.csv"
        if outdated(last, [trajectories.cell.folder / HYPERPARAMETERS]):
            yield from _pictures(partial(hyperparameter_figure, trajectories, panels), folder, stem)
            write_text(last, _values(trajectories, values))
            yield last


def _write_curve(curve: Curve, folder: Path, stem: str) -> Iterator[Path]:
    yield from _pictures(partial(curve_figure, curve), folder, stem)
    table = pd.concat([curve.training, curve.validation]).sort_values("iteration", kind="stable")
    write_text(folder / f"{stem}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    yield folder / f"{stem}.csv"


def _pictures(draw: Callable[[], Figure], folder: Path, stem: str) -> Iterator[Path]:
    for kind, metadata in _NO_DATE.items():
        # FigureFiles for each kind: a figure remembers the layout of the first.
        with matplotlib.style.context(["default", STYLE]), replacing(folder / f"{stem}.{kind}") as file:
            draw().savefig(file, format=kind, dpi=_DPI, metadata=metadata)
        yield folder / f"{stem}.{kind}"


def _values(trajectories: Trajectories, hyperparameters: Sequence[str]) -> str:
    table = trajectories.table
    rows = table.loc[table["hyperparameter"].isin(list(hyperparameters)), list(COLUMNS)]
    return rows.to_csv(index=False, lineterminator="\n")
