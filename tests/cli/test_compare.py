"""`fewshot-bench compare`, as a user meets it."""

from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command
from tests.report.factory import write_cell


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    write_cell(tmp_path / "a", (0.5, 0.6, 0.4, 0.7))
    write_cell(tmp_path / "b", (0.9, 0.8, 1.0, 0.7), inner_optimizer="adam")
    return [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.mark.parametrize(("name", "words"), [("terminal", "What came out"), ("markdown", "| cells | A | B |")])
def test_every_format_is_printed_or_written(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert run_command(["compare", *runs, "--format", name]) == 0
    printed = capsys.readouterr().out
    assert words in printed
    assert "+30.00" in printed
    assert "One seed" in printed
    assert run_command(["compare", *runs, "--format", name, "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_text() == printed
    assert str(tmp_path / "out") in capsys.readouterr().out


def test_bad_input_is_a_sentence(runs: list[str], tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no folder"):
        run_command(["compare", runs[0], str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="2"):
        run_command(["compare", *runs, "--format", "latex"])


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_command(["compare", "--help"])
    assert "Example: fewshot-bench compare" in " ".join(capsys.readouterr().out.split())
