"""`fewshot-bench doctor`, as a user meets it."""

import re
import shutil
from types import SimpleNamespace

import pytest

from fewshot_bench.cli.doctor import lines as fitted
from fewshot_bench.cli.doctor_checks import Diagnosis
from fewshot_bench.cli.main import main
from fewshot_bench.report.terminal import WIDTH

GRID = """
[grid]
dataset = ["omniglot"]
ways = [5]
shots = [1]
learner = ["maml++"]
backbone = ["vgg"]
inner_optimizer = ["sgd"]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(printed: str) -> dict[str, str]:
    """What was printed, by what each line is about, with what stands below it; the last line by ''."""
    *found, last = re.sub(r"\n +", " ", printed).splitlines()
    return {re.split(r"  +| (?=\S+$)", line[9:])[0].strip(): line for line in found} | {"": last}


def test_a_machine_that_has_all(here, capsys):
    assert main(["doctor", "--data-dir", str(here / "data")]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed  # no terminal, no colours
    found = lines(printed)
    for about in (
        "processor",
        "memory",
        "Python",
        "packages",
        "torch",
        "GPU",
        "threads",
        "glyphs",
        "locks",
        "results disk",
    ):
        assert found[about].startswith(("ok ", "warning ")), about
    assert found["omniglot"].startswith("warning  omniglot")
    assert found["omniglot"].endswith(f"-> fewshot-bench data get omniglot --data-dir {here / 'data'}")
    assert re.fullmatch(r"0 faults, \d+ warnings?", found[""])
    assert list(here.iterdir()) == []


PEERS = Diagnosis("ok", "extra peers", "not installed: one>=1, two>=2; for comparisons", "uv sync --extra peers")


@pytest.mark.parametrize(
    ("width", "printed"),
    [
        (103, ["ok       extra peers        not installed: one>=1, two>=2; for comparisons  -> uv sync --extra peers"]),
        (
            98,
            [
                "ok       extra peers        not installed: one>=1, two>=2; for comparisons",
                "         -> uv sync --extra peers",
            ],
        ),
        (
            60,
            [
                "ok       extra peers        not installed: one>=1, two>=2;",
                "                            for comparisons",
                "         -> uv sync --extra peers",
            ],
        ),
        (
            33,
            [
                "ok       extra peers",
                "         not installed: one>=1,",
                "         two>=2; for comparisons",
                "         -> uv sync --extra peers",
            ],
        ),
    ],
)
def test_what_mends_it_stands_below_where_a_line_is_too_short(width, printed):
    assert fitted(PEERS, width) == printed


def test_no_line_is_longer_than_a_file_has_columns(here, capsys):
    main(["doctor", "--data-dir", str(here)])
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if len(line) > WIDTH and len(line.split()) > 1 and str(here) not in line] == []


def test_what_a_grid_needs_is_a_fault_where_it_is_missing(here, capsys):
    (here / "mine.toml").write_text(GRID)
    assert main(["doctor", "mine.toml", "--data-dir", "data"]) == 1
    found = lines(capsys.readouterr().out)
    assert found["omniglot"].startswith("fault    omniglot")
    assert found[""].startswith("1 fault, ")


@pytest.mark.parametrize(("seeds", "status"), [(1, 0), (9, 1)])
def test_room_for_the_cells_that_are_to_come(here, pattern_data, capsys, monkeypatch, seeds, status):
    (here / "mine.toml").write_text(GRID + f"seed = {list(range(seeds))}\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000_000))
    assert main(["doctor", "mine.toml", "--data-dir", str(pattern_data)]) == status
    line = lines(capsys.readouterr().out)["results disk"]
    assert line.startswith("fault " if status else "ok ")
    assert "100 MB free" in line


@pytest.mark.parametrize(("change", "says"), [("vgg", "unknown backbone 'vgx'"), ("omniglot", "unknown dataset 'vgx'")])
def test_a_grid_that_cannot_be_is_a_line(here, pattern_data, capsys, change, says):
    (here / "mine.toml").write_text(GRID.replace(change, "vgx"))
    assert main(["doctor", "mine.toml", "--data-dir", str(pattern_data)]) == 1
    found = lines(capsys.readouterr().out)["grid"]
    assert says in found
    assert found.endswith("-> fewshot-bench run mine.toml --dry-run tells all")


@pytest.mark.parametrize(
    ("grid", "says"), [("quik", "did you mean 'quick'"), ("torn.toml", "is not TOML"), ("odd.toml", "`cells`")]
)
def test_a_grid_that_is_none_is_a_sentence(here, capsys, grid, says):
    (here / "torn.toml").write_text("[grid")
    (here / "odd.toml").write_text("cells = 5")
    assert main(["doctor", grid]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert not said.out
