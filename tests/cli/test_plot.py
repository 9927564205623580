"""`fewshot-bench plot`, as a user meets it."""

from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command
from tests.report.factory import write_cell, write_hyperparameters


def test_it_says_where_the_figures_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_cell(tmp_path)
    write_hyperparameters(folder, {("lr", "0.weight"): (0.1, 0.2, 0.3)})
    assert run_command(["plot", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line).suffix for line in lines] == [".png", ".pdf", ".csv"]
    assert all(Path(line).is_file() for line in lines)


def test_it_says_where_nothing_was_learned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path)
    assert run_command(["plot", str(tmp_path)]) == 0
    assert "there is nothing to draw" in capsys.readouterr().out


def test_a_folder_without_cells_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds no cells"):
        run_command(["plot", str(tmp_path)])
