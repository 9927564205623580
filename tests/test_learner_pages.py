"""docs/learners: a page for each learner, with every option, every metric, and commands and grids that work."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from fewshot_bench.basics.about import learners
from fewshot_bench.basics.options import frozen, schema
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile, read, with_changes
from fewshot_bench.learners import LEARNERS
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step
from fewshot_bench.training.plan import Plan
from tests.tiny import tiny_cell

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "learners"
INDEX = FOLDER / "README.md"
ABOUT = learners()
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md")) if path != INDEX}


def test_there_is_a_page_for_each_learner_and_none_besides():
    assert set(PAGES) == set(LEARNERS)


def test_the_index_has_a_row_for_each_learner_as_its_file_says():
    rows = [f"| [{name}]({name}.md) | {ABOUT[name]['learns']} | {ABOUT[name]['gradient']} | " for name in LEARNERS]
    rows = [f"{row}{ABOUT[name]['title']} |" for row, name in zip(rows, LEARNERS, strict=True)]
    assert [line for line in INDEX.read_text(encoding="utf-8").splitlines() if line.startswith("| [")] == rows


def test_the_readme_names_every_learner_once():
    (row,) = re.findall(r"^\| learner \| (.*) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert re.findall(r"`([^`]+)`", row) == list(LEARNERS)


def test_what_is_read_without_importing_is_what_is_there():
    assert set(ABOUT) == set(LEARNERS)
    for name, about in ABOUT.items():
        set_here = about.get("options", {})
        assert {key: schema(LEARNERS[name])[key].default for key in set_here} == set_here
        assert not about["title"].endswith(".")
    assert len({about["title"] for about in ABOUT.values()}) == len(ABOUT)


def defaults(page: str) -> dict[str, object]:
    """Option -> default, from rows | `option` | `default` | and words `option = default` or `option` (absent)."""
    rows = re.findall(r"^\| `(\w+)` \| (`[^`]+`|absent) \|", page, re.MULTILINE)
    words = re.findall(r"`(\w+) = ([^`]+)`", page.partition("## Options")[2].partition("\n## ")[0])
    absent = [(name, "absent") for name in re.findall(r"`(\w+)` \(absent\)", page)]
    found = [(name, text.strip("`")) for name, text in [*words, *absent, *rows]]  # a row has the last word
    return {name: None if text == "absent" else frozen(tomllib.loads(f"x = {text}")["x"]) for name, text in found}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_option_stands_on_the_page_with_its_default(name):
    assert defaults(PAGES[name]) == {key: frozen(option.default) for key, option in schema(LEARNERS[name]).items()}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_metric_stands_on_the_page(name, pattern_pool):
    none = not LEARNERS[name]().traits.inner_loop
    cell = tiny_cell(
        {"tasks_per_batch": 1, "inner_steps": 1},
        ways=2,
        learner=name,
        inner_optimizer="none" if none else "sgd",
        backbone_options=(("filters", 2),),
    )
    assembly = assemble(cell, pattern_pool, Plan("cpu", 1, 1))
    metrics = meta_step(assembly, gradients(assembly), begin(assembly.learner, assembly.parts, 1, "cpu"))
    section = PAGES[name].partition("## What is logged")[2].partition("\n## ")[0]
    assert set(metrics) == {"loss", "accuracy", "meta_rate", *ABOUT[name].get("metrics", {})}
    assert [metric for metric in metrics if f"`{metric}`" not in section] == []


@pytest.mark.parametrize("name", LEARNERS)
def test_its_commands_run_a_preset_that_has_it(name):
    commands = re.findall(r"^uv run run_bench.py run (.*?)(?:\s+#.*)?$", PAGES[name], re.MULTILINE)
    assert commands
    for preset, *rest in map(shlex.split, commands):
        cells = expand(with_changes(read(preset), [word for word in rest if "=" in word], None))
        assert {cell.learner for cell in cells} == {name}


@pytest.mark.parametrize("name", LEARNERS)
def test_its_grid_is_one(name):
    (text,) = re.findall(r"```toml\n(.*?)```", PAGES[name], re.DOTALL)
    cells = expand(GridFile(name, f"{name}.md", tomllib.loads(text)))
    assert name in {cell.learner for cell in cells}


@pytest.mark.parametrize("path", [INDEX, *(FOLDER / f"{name}.md" for name in PAGES)], ids=lambda path: path.stem)
def test_links_lead_somewhere_and_the_page_is_short(path):
    text = path.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        if target.startswith("https://"):
            continue
        page = path.parent / target if target else path
        assert page.is_file(), target
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, anchor
    assert len(text.splitlines()) <= 90
