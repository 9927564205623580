"""`fewshot-bench sensitivity`, as a user meets it."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.api.grids import run_grid
from fewshot_bench.api.sensitivity import sensitivity
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import main, run_command
from tests.tiny import tiny_grid

LISTS = ["--tasks", "30", "--queries", "1", "20", "--steps", "1", "--ensemble", "1"]


@pytest.fixture(scope="module")
def trained(pattern_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (folder,) = run_grid(tiny_grid(), tmp_path_factory.mktemp("grid"), data_dir=pattern_data)
    return folder


@pytest.fixture
def cell(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / trained.name))


def test_it_prints_the_table_and_says_the_time_first(cell, pattern_data, capsys):
    assert run_command(["sensitivity", str(cell), "--data-dir", str(pattern_data), *LISTS]) == 0
    out, err = capsys.readouterr()
    assert "How much is protocol" in out
    assert "points apart by protocol alone" in " ".join(out.split())
    assert "21 images, but omniglot has 20" in " ".join(out.split())
    assert "roughly" in err.splitlines()[0]
    assert "\x1b" not in out


def test_every_format_is_printed_or_written(cell, pattern_data, capsys):
    for name, words in (("markdown", "| differs in | value |"), ("csv", "factor,value,tasks,queries,batch_norm")):
        arguments = [str(cell), "--data-dir", str(pattern_data), *LISTS, "--format", name]
        assert run_command(["sensitivity", *arguments]) == 0
        printed = capsys.readouterr().out
        assert words in printed
        assert run_command(["sensitivity", *arguments, "--output", str(cell / "table")]) == 0
        assert (cell / "table").read_text() == printed
        assert capsys.readouterr().out == f"Wrote {cell / 'table'}.\n"
    assert pd.read_csv(cell / "table").equals(pd.read_csv(cell / "sensitivity.csv"))


def test_bad_input_is_a_sentence(cell, tmp_path):
    with pytest.raises(BenchError, match=r"is not there\. Give a cell's own folder"):
        run_command(["sensitivity", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="2"):
        run_command(["sensitivity", str(cell), "--format", "markdwon"])
    with pytest.raises(BenchError, match="no device 'cuda:77' on this machine"):
        run_command(["sensitivity", str(cell), "--device", "cuda:77"])


@pytest.mark.parametrize(
    ("factor", "value", "least"), [("tasks", 1, 2), ("queries", 0, 1), ("ensemble", 0, 1), ("steps", -1, 0)]
)
def test_a_value_that_no_protocol_can_have_is_refused_before_anything_is_read(factor, value, least, capsys):
    assert main(["sensitivity", "nowhere", f"--{factor}", str(least), str(value)]) == 2
    out, err = capsys.readouterr()
    assert err == f"error: `{factor}` is {value}, but has to be at least {least}.\n"
    assert not out
    with pytest.raises(BenchError, match=f"`{factor}` is {value}"):
        sensitivity("nowhere", **{factor: (value,)})
    with pytest.raises(BenchError, match="is not there"):
        sensitivity("nowhere", **{factor: (least,)})


def test_help_has_an_example_and_loads_nothing_slow():
    import subprocess
    import sys

    from tests.cli.test_help import SLOW

    program = "import sys; from fewshot_bench.cli.main import main; main(['sensitivity', '--help'])"
    words = [sys.executable, "-X", "importtime", "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "Example: fewshot-bench sensitivity" in done.stdout
    assert not {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()} & SLOW
