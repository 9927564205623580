"""The page: everything that a folder's files tell, put into one template."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.document import report_of
from fewshot_bench.report.page.against import against_table
from fewshot_bench.report.page.against_figure import MOST, against_figure, with_difference
from fewshot_bench.report.page.commands import commands, grid
from fewshot_bench.report.page.cost import cost_table
from fewshot_bench.report.page.cost_figure import cost_figure
from fewshot_bench.report.page.learning import learned
from fewshot_bench.report.page.learning_figure import blocks
from fewshot_bench.report.page.machines import environment_table, plan_table
from fewshot_bench.report.page.overview import overview
from fewshot_bench.report.page.rates import learned_rates
from fewshot_bench.report.page.rates_figure import folded
from fewshot_bench.report.page.views import View, view
from fewshot_bench.report.protocol import protocol
from fewshot_bench.report.rows import rows_of
from fewshot_bench.report.table import Table

NAME = "report.html"
"""Of the file in the folder of results, where no other is asked for."""

INCOMPLETE = "incomplete"
"""Name of the table of cells without a result, which has a section of its own."""


def write_page(directory: Path, output: Path | None) -> Path:
    """Writes the page of a results folder to `output`, or into the folder; returns where it is.

    Raises BenchError where there is no cell, or the file cannot be written.
    """
    path = output or directory / NAME
    write_text(path, page(directory))
    return path


def page(directory: Path) -> str:
    """The whole page as HTML: nothing in it is loaded from elsewhere, and the same files give the same bytes.

    Raises BenchError where the folder holds no cell.
    """
    cells = read_cells(directory)
    environment = Environment(
        loader=PackageLoader("fewshot_bench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    return environment.get_template("page.html").render(_content(directory, cells))


def _content(directory: Path, cells: Sequence[CellFolder]) -> dict[str, Any]:
    """What the template prints, by name."""
    report = report_of(cells)
    rows, _ = rows_of(cells)
    rates = learned_rates(cells)
    figures, more = folded(rates.rates)
    words = protocol(rows)
    return {
        "name": directory.resolve().name,
        "facts": overview(cells),
        "results": [view(table, without=words) for table in report.tables if table.name != INCOMPLETE],
        "incomplete": [view(table) for table in report.tables if table.name == INCOMPLETE],
        "remarks": report.remarks,
        "against": _views(against_table(rows)),
        "against_figure": against_figure(rows),
        "against_most": MOST,
        "differences": len(with_difference(rows)),
        "curves": blocks(learned(cells)),
        "rates": figures,
        "rates_unrecorded": rates.unrecorded,
        "rates_left_out": more + rates.left_out,
        "rates_faults": rates.faults,
        "cost": _views(cost_table(rows)),
        "cost_figure": cost_figure(rows),
        "protocol": words,
        "machines": _views(environment_table(cells), plan_table(cells)),
        "commands": commands(directory),
        "grid": grid(directory, cells),
    }


def _views(*tables: Table | None) -> list[View]:
    return [view(table) for table in tables if table is not None]
