"""What a dry run prints."""

import pytest

from fewshot_bench.cli.run import line, print_estimates, summary
from fewshot_bench.grid.estimates import CellEstimate, GridEstimate
from fewshot_bench.report.terminal import WIDTH
from tests.grid.test_estimates import CELL, OTHER, done, under_way


def test_a_line_a_cell_and_the_sum_apart(tmp_path, capsys):
    under_way(tmp_path, CELL, 250, 100.0)
    print_estimates([CELL, OTHER], tmp_path, "cpu")
    shown = capsys.readouterr()
    first, second = shown.out.splitlines()
    assert first.split()[:3] == ["running", CELL.id, "250/1000"]
    assert second.split()[:3] == ["new", OTHER.id, "0/1000"]
    assert first.index("/1000") == second.index("/1000")
    assert first.endswith("MiB")
    assert "2 cells (1 running, 1 new); nothing was written" in shown.err
    assert "one after another" in shown.err
    assert "at the pace of 1 cell in this folder" in " ".join(shown.err.split())
    assert max(map(len, shown.err.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        (0.01, "36 s"),
        (0.5, "30 min"),
        (1.64, "98 min"),
        (2.04, "2.0 h"),
        (99.6, "100 h"),
        (1234, "1,234 h"),
    ],
)
def test_times(hours, shown):
    assert line(CellEstimate(CELL, "new", 0, hours, None), 0).endswith(f"  {shown}")


@pytest.mark.parametrize(("mebibytes", "shown"), [(99.6, "100 MiB"), (9999, "9999 MiB"), (20480, "20 GiB")])
def test_memory(mebibytes, shown):
    assert line(CellEstimate(CELL, "new", 0, 1.0, mebibytes), 0).endswith(f"  {shown}")


def test_what_is_unknown_is_left_out():
    unknown = CellEstimate(CELL, "new", 0, None, None)
    assert line(unknown, 0).endswith("0/1000")
    assert summary(GridEstimate([unknown], ["Why."])) == ["1 cell (1 new); nothing was written", "  Why."]


def test_what_is_done_takes_nothing(tmp_path, capsys):
    done(tmp_path, CELL, 100.0)
    print_estimates([CELL], tmp_path, "cpu")
    shown = capsys.readouterr()
    assert shown.out.endswith("1000/1000\n")
    assert shown.err == "1 cell (1 done); nothing was written\n"


def test_sums():
    cells = [
        CellEstimate(CELL, "done", 1000, 0.0, 10.0),
        *(CellEstimate(CELL, "new", 0, hours, 20.0) for hours in (3.0, 4.0)),
    ]
    assert summary(GridEstimate(cells, [])) == [
        "3 cells (1 done, 2 new); nothing was written",
        "left: 7.0 h one after another, 4.0 h the longest",
        "memory of one: at most 20 MiB",
    ]


def test_no_cell_at_all(tmp_path, capsys):
    print_estimates([], tmp_path, "cpu")
    assert capsys.readouterr().out == ""
