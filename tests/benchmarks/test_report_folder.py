"""The results folder that `report` is timed on is one that it believes, pairs of episodes included."""

from argparse import Namespace

from benchmarks.report import make
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.tables import read_report


def test_every_cell_is_done_and_paired(tmp_path):
    make(tmp_path, Namespace(cells=40, seeds=2, epochs=3, tasks=5))
    cells = read_cells(tmp_path)
    report = read_report(tmp_path)
    assert [cell.status for cell in cells] == ["done"] * 40
    assert report.remarks == ()
    assert len(report.data) == 10
    assert report.data["paired_seeds"].tolist() == [2] * 10
