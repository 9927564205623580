"""`fewshot-bench report`, as a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command
from tests.report.factory import write_cell


@pytest.mark.parametrize(
    ("name", "words"),
    [("terminal", "mean acc"), ("markdown", "| dataset |"), ("latex", r"\toprule"), ("csv", "mean_accuracy")],
)
def test_every_format_is_printed_or_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    write_cell(tmp_path)
    assert run_command(["report", str(tmp_path), "--format", name]) == 0
    printed = capsys.readouterr().out
    assert words in printed
    assert run_command(["report", str(tmp_path), "--format", name, "--output", str(tmp_path / "table.txt")]) == 0
    assert (tmp_path / "table.txt").read_text() == printed
    assert str(tmp_path / "table.txt") in capsys.readouterr().out


def test_bad_input_is_a_sentence(tmp_path: Path) -> None:
    write_cell(tmp_path / "results")
    with pytest.raises(BenchError, match="there is no folder"):
        run_command(["report", str(tmp_path / "nowhere")])
    with pytest.raises(BenchError, match="holds no cells"):
        run_command(["report", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        run_command(["report", str(tmp_path / "results"), "--format", "markdwon"])
    for name in ("csv", "html"):
        with pytest.raises(BenchError, match=f"^{tmp_path} is a folder; give a file.$"):
            run_command(["report", str(tmp_path / "results"), "--format", name, "--output", str(tmp_path)])
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write"):
        run_command(["report", str(tmp_path / "results"), "--output", str(tmp_path / "file" / "table.tex")])


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_command(["report", "--help"])
    assert "Example: fewshot-bench report" in capsys.readouterr().out


def test_neither_torch_nor_matplotlib_is_loaded(tmp_path: Path) -> None:
    write_cell(tmp_path)
    program = (
        "import sys; from fewshot_bench.cli import plot; from fewshot_bench.cli.main import main; main(sys.argv[1:]); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib')))"
    )
    subprocess.run([sys.executable, "-c", program, "report", str(tmp_path)], check=True, capture_output=True)
