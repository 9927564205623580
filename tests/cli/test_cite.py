"""`fewshot-bench cite`, as a user meets it."""

from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command
from tests.report.factory import write_cell


def test_a_run_or_a_cell_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_cell(tmp_path, learner="reptile")
    assert run_command(["cite", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "@misc{nichol2018," in printed
    assert run_command(["cite", str(tmp_path), "--output", str(tmp_path / "run.bib")]) == 0
    assert (tmp_path / "run.bib").read_text() == printed
    assert str(tmp_path / "run.bib") in capsys.readouterr().out


def test_a_folder_without_cells_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds no cells"):
        run_command(["cite", str(tmp_path)])


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_command(["cite", "--help"])
    assert "Example: fewshot-bench cite" in capsys.readouterr().out
