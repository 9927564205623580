"""What README.md, the how-to pages and the reference of the grid file say can be pasted and is complete."""

import dataclasses
import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.cells.cell import AXES, NO_INNER_OPTIMIZER, Evaluation, Training
from fewshot_bench.cli.main import main
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile, presets, with_changes
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from tests.tiny import shortened

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
GRID_FILE = (CHECKOUT / "docs" / "reference" / "grid-file.md").read_text(encoding="utf-8")
REPRODUCING = (CHECKOUT / "docs" / "reproducing-a-table.md").read_text(encoding="utf-8")


def block(language: str, containing: str, page: str = README) -> str:
    """The one fenced block of a page that holds a text."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if containing in code]
    return found


def test_the_two_commands_of_a_new_machine():
    assert "pip install uv && uv run run_bench.py" in README
    assert "pip install uv && uv run pytest" in README


@pytest.mark.parametrize(
    "page", [CHECKOUT / "README.md", *CHECKOUT.glob("*/README.md"), *CHECKOUT.glob("docs/**/*.md")]
)
def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    assert not re.search(r"\b(PICTURE|QUICK|COST|TODO|XXX)\b", text)


def test_every_preset_says_what_it_costs():
    for name, text in presets().items():
        assert re.search(r"^# Costs: .*\d", text, re.MULTILINE), name
        assert "COST\n" not in text


def test_ci_runs_the_readmes_test_commands_and_nothing_else():
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.partition('cd "$(dirname "$0")/.."\n')[2] == block("bash", "pytest")


AXIS_TABLES = {"learner": LEARNERS, "backbone": BACKBONES, "inner optimizer": INNER_OPTIMIZERS}


@pytest.mark.parametrize("axis", AXIS_TABLES)
def test_the_names_of_an_axis_are_listed(axis):
    known = set(AXIS_TABLES[axis]) - {NO_INNER_OPTIMIZER}
    (row,) = re.findall(rf"^\| {axis} \| (.*) \|$", README, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", row)) == known
    (row,) = re.findall(rf"^\| `{axis.replace(' ', '_')}` \| (.*) \| required \|$", GRID_FILE, re.MULTILINE)
    assert axis == "learner" or set(re.findall(r"`([^`]+)`", row)) == known


PAGES = [CHECKOUT / "README.md", *sorted(CHECKOUT.glob("docs/**/*.md"))]
PROGRAM = re.compile(r"(?:uv run (?:--extra \w+ )*run_bench\.py|(?:uv run )?fewshot-bench) ([a-z]+)\b([^#\n]*)")


@cache
def help_of(command: str) -> str:
    """What a command prints for --help."""
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        main([*command.split(), "--help"])
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_commands_of_the_pages_have_these_options(page):
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = re.findall(r"```bash\n(.*?)```", text, re.DOTALL) + re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    code += re.findall(r"`((?:uv run|fewshot-bench) [^`]+)`", text)
    for command, words in PROGRAM.findall("\n".join(code)):
        assert f"fewshot-bench {command}" in help_of(command), command
        options = re.findall(r"(?<=\s)--[a-z][a-z-]*", words.partition(";")[0])
        known = help_of(f"data {words.split()[0]}" if command == "data" and words.split() else command)
        assert [option for option in options if option not in known] == [], (command, words)


def test_the_readme_is_short_and_counts_the_presets():
    assert len(README.split()) < 1_600
    assert re.search(r"(\d+) presets\]\(docs/reference/presets.md\)", README).group(1) == str(len(presets()))


def test_every_preset_is_listed_with_its_budget():
    page = runpy.run_path(str(CHECKOUT / "docs" / "site" / "presets_page.py"))
    text = page["PAGE"].read_text(encoding="utf-8")
    assert text == page["page"](presets()), "run: uv run docs/site/presets_page.py"
    rows = re.findall(r"^\| `([a-z0-9+-]+)` \| .+ \| .*\d.* \|$", text, re.MULTILINE)
    assert sorted(rows) == sorted(presets())


def test_the_grid_file_is_complete_and_right():
    grid = GridFile("page", "grid-file.md", tomllib.loads(block("toml", "[grid]", GRID_FILE)))
    assert len(expand(grid)) == 75


def test_the_cells_of_the_first_grid_are_those_that_its_page_shows():
    page = (CHECKOUT / "docs" / "first-grid.md").read_text(encoding="utf-8")
    ((file, text),) = re.findall(r"cat > (\S+) <<'EOF'\n(.*?)EOF\n", page, re.DOTALL)
    grid = GridFile("first", file, tomllib.loads(text))
    shown = re.findall(r"^(new|done) +(\S+) ", page, re.MULTILINE)
    first = [cell.id for cell in expand(grid)]
    assert shown[:4] == [("new", name) for name in first]
    more = [cell.id for cell in expand(with_changes(grid, [], [0, 1]))]
    assert shown[4:] == [("done" if name in first else "new", name) for name in more[:4]]


@pytest.mark.parametrize("section", [Training, Evaluation])
def test_the_reference_of_the_grid_file_has_every_key_with_its_default(section):
    part = GRID_FILE.partition(f"\n## [{section.__name__.lower()}]\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .+ \|$", part, re.MULTILINE)
    found = {name: None if text == "absent" else tomllib.loads(f"x = {text}")["x"] for name, text in rows}
    assert found == {field.name: field.default for field in dataclasses.fields(section)}


def test_the_reference_of_the_grid_file_has_every_axis():
    part = GRID_FILE.partition("\n## [grid]: the axes\n")[2].partition("\n## ")[0]
    keys = [key for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)]
    assert sorted(keys) == sorted(AXES)


def test_a_backbone_and_an_inner_optimizer_of_ones_own(tmp_path, newcomers, python):
    """The block as pasted, but for the folder of the data, the budget, and the program, which is not installed anew."""
    program = shlex.join([*python, str(CHECKOUT / "run_bench.py")])
    script = shortened(block("bash", "mine.py")).replace("uv run run_bench.py", program)
    words = ["bash", "-euc", script]
    done = subprocess.run(words, cwd=tmp_path, env=newcomers, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("mine:two_layers", "mine:sign_sgd"))
    assert len(list((tmp_path / "results" / "mine" / "figures").glob("*learning-rates.png"))) == 4


def test_ones_own_images(tmp_path, glyphs_data, python):
    """The block as pasted, but for the budget, and the program and the Python, which are not installed anew."""
    (tmp_path / "datasets" / ".prepared").mkdir(parents=True)
    (tmp_path / "datasets" / ".prepared" / "glyphs").symlink_to(glyphs_data / ".prepared" / "glyphs")
    script = block("bash", "data import letters")
    few = "training.iterations=2 training.iterations_per_epoch=1 training.tasks_per_batch=1 evaluation.tasks=4"
    script = script.replace("grid.backbone=vgg", f"grid.backbone=vgg {few}").replace("uv run python", sys.executable)
    script = script.replace("uv run run_bench.py", shlex.join([*python, str(CHECKOUT / "run_bench.py")]))
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    words = ["bash", "-euc", script]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "letters: 1,000 images of 50 classes, 20 images each, 1x28x28" in done.stdout
    assert len(list((tmp_path / "results" / "letters").rglob("result.json"))) == 4


REPRODUCE = {
    line: None
    for page in (README, REPRODUCING)
    for line in re.findall(
        r"^uv run run_bench.py (run .*?)(?:\s+#.*)?$", block("bash", "omniglot-cpu --dry-run", page), re.MULTILINE
    )
}


@pytest.mark.parametrize("line", REPRODUCE)
def test_reproducing_starts_from_a_preset_that_is_there(line, capsys):
    words = shlex.split(line)
    assert main([*words, *([] if "--dry-run" in words else ["--dry-run"])]) == 0
    assert "12 cells" in capsys.readouterr().err


def test_one_cell_of_the_papers_grid(capsys):
    command = (
        block("bash", "training.iterations=7500", REPRODUCING).replace("\\\n", " ").removeprefix("uv run run_bench.py ")
    )
    assert main([*shlex.split(command), "--dry-run"]) == 0
    assert "1 cell (1 new);" in capsys.readouterr().err
