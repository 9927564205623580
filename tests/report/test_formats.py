"""One report in its formats: the same numbers, and nothing in a name that a format takes for markup."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.report import latex, markdown
from fewshot_bench.report.results import read_results
from fewshot_bench.report.tables import FORMATS, Report, read_report, summary
from fewshot_bench.report.terminal import terminal
from tests.report.factory import write_cell

NASTY = r"50 % of a_b & c#d $x^2 {y} ~z <tag> |pipe| \backslash* [bold]é λ `code` __init__ 'q' " + '"q"'


@pytest.fixture
def report(tmp_path: Path) -> Report:
    for seed in range(3):
        for backbone in ("vgg", "resnet-4", "densenet-8"):
            write_cell(tmp_path, (0.98, 0.97), seed=seed, backbone=backbone)
            write_cell(tmp_path, (0.7, 0.69), seed=seed, backbone=backbone, training={"iterations": 0})
    write_cell(
        tmp_path, dataset="mini-imagenet", split="gimli-fork", learner="maml_%&", inner_optimizer="my_pkg.opt:rule"
    )
    write_cell(tmp_path, seed=9, status="failed", reason=NASTY)
    return read_report(tmp_path)


@pytest.mark.parametrize("width", [100, 80, 140])
def test_terminal_lines_fit_and_have_no_colours(report: Report, width: int) -> None:
    text = terminal(report.tables, report.remarks, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "[bold]" in text
    assert text.count("97.50") >= 3


def test_a_narrow_terminal_breaks_names_and_cuts_nothing(report: Report) -> None:
    wide, narrow = (terminal(report.tables, report.remarks, width) for width in (140, 60))
    assert sorted(re.findall(r"\d+\.\d+|\d/\d", narrow)) == sorted(re.findall(r"\d+\.\d+|\d/\d", wide))
    assert "my_pkg.opt:rule" in wide
    assert "my_pkg.o" in narrow
    assert "pt:rule" in narrow


def test_colours_come_on_request(report: Report) -> None:
    assert "\x1b[1m" in terminal(report.tables, report.remarks, colour=True)


def test_markdown_tables_have_the_same_fields_in_every_line(report: Report) -> None:
    text = FORMATS["markdown"](report)
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == len(report.tables)
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block}) == 1


def test_markdown_escapes_what_would_be_markup() -> None:
    assert markdown.escaped("a|b *c* __init__ inner_optim <i>") == r"a\|b \*c\* \_\_init\_\_ inner_optim \<i\>"


def test_latex_escapes_what_would_be_a_command() -> None:
    assert latex.escaped("50 % a_b & {c} \\d ±") == r"50 \% a\_b \& \{c\} \textbackslash{}d $\pm$"
    assert latex.escaped("é λ") == "é [U+03BB]"


def test_latex_is_balanced_and_every_line_has_its_fields(report: Report) -> None:
    text = FORMATS["latex"](report)
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert len(re.sub(r"\\[{}]", "", text).split("{")) == len(re.sub(r"\\[{}]", "", text).split("}"))
    for rows in re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL):
        lines = [line for line in rows.splitlines() if line.endswith(r"\\")]
        assert len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a paper"])
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex; the structure is checked without")
def test_latex_compiles(report: Report, tmp_path: Path, inside: bool) -> None:
    (tmp_path / "table.tex").write_text(FORMATS["latex"](report), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{table}after\\end{document}"
    )
    name = "paper" if inside else "table"
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / f"{name}.pdf").stat().st_size > 10_000


def test_csv_holds_every_row_as_plain_numbers(report: Report) -> None:
    table = pd.read_csv(io.StringIO(FORMATS["csv"](report)))
    assert len(table) == 4
    assert table["mean_accuracy"].tolist().count(97.5) == 3
    assert table.loc[table["backbone"] == "vgg", "untrained_accuracy"].iloc[0] == pytest.approx(69.5)


def test_a_run_ends_with_the_table_and_the_place_of_its_files(tmp_path: Path) -> None:
    write_cell(tmp_path, dataset="glyphs")
    text = io.StringIO()
    summary(tmp_path, read_results(tmp_path), text)
    assert "glyphs" in text.getvalue()
    assert str(tmp_path / "results.csv") in text.getvalue()
    assert (tmp_path / "results.csv").is_file()


def test_an_encoding_without_our_letters_gets_question_marks(tmp_path: Path) -> None:
    write_cell(tmp_path)
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    summary(tmp_path, read_results(tmp_path), file)
    file.flush()
    assert b"99.62?" in raw.getvalue()
