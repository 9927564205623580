"""What the pages for newcomers say can be pasted, and what they show is what comes."""

import importlib
import itertools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_bench.cli.main import main
from tests.tiny import shortened

CHECKOUT = Path(__file__).resolve().parents[1]

PAGES = [
    pytest.param("adding-a-backbone", "my_net:my_net", id="backbone"),
    pytest.param("adding-an-inner-optimizer", "my_rule:my_rule", id="inner optimizer"),
    pytest.param("adding-a-learner", "my_learner:my_learner", id="learner"),
    pytest.param("adding-a-dataset", "my_data:my_data", id="dataset"),
]


def blocks(page: str, language: str) -> list[str]:
    text = (CHECKOUT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def without_decimals(text: str) -> str:
    """Numbers with a fraction or an exponent may end differently on another machine."""
    return re.sub(r"-?\d+(\.\d+)?e-\d+|-?\d+\.\d+", "#", text)


@pytest.mark.parametrize(("page", "newcomer"), PAGES)
def test_from_nothing_to_a_row_in_the_table(page, newcomer, tmp_path, newcomers, request):
    """The block as pasted, but for the folder of the data, the budget, and the program, which is not installed anew.

    The commands of one page are processes that load torch; the others, which differ little, are forked.
    """
    (script,) = blocks(page, "bash")
    python = [sys.executable] if page == "adding-a-backbone" else request.getfixturevalue("python")
    program = shlex.join([*python, str(CHECKOUT / "run_bench.py")])
    words = ["bash", "-euc", shortened(script).replace("uv run run_bench.py", program)]
    done = subprocess.run(words, cwd=tmp_path, env=newcomers, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests, nothing failed" in done.stdout
    row, *_ = [line for line in done.stdout.splitlines() if line.startswith("|") and newcomer in line]
    assert re.search(r"\| \d+\.\d\d \|", row)
    name = newcomer.partition(":")[0]
    assert (tmp_path / f"{name}.py").read_bytes() != (tmp_path / f"{name}.py.bak").read_bytes()
    assert (tmp_path / f"{name}.py.bak").read_text() == blocks(page, "python")[0]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to import from, which is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(("page", "newcomer"), PAGES)
def test_what_check_says_of_a_fault(page, newcomer, here, capsys):
    text = (CHECKOUT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    file, words = re.search(r"In `(\w+\.py)`.*? `uv run run_bench.py (check .*?)` prints", text).groups()
    good, broken = blocks(page, "python")
    (here / file).write_text(broken)
    (here / f"{newcomer.partition(':')[0]}.py").write_text(good)
    assert main(words.split()) == 1
    (shown,) = blocks(page, "text")
    assert without_decimals(capsys.readouterr().out) == without_decimals(shown)


def test_a_dataset_of_files(here, capsys):
    """The page's second dataset, on files as it wants them; without them, it says how they have to lie."""
    (code,) = blocks("adding-a-dataset", "py")
    (here / "my_birds.py").write_text(code)
    assert main(["check", "dataset", "my_birds:birds", "--data-dir", str(here)]) == 1
    assert "It recognises: a folder birds/ with a folder of PNGs for each kind." in capsys.readouterr().out
    kinds = [kind for part in importlib.import_module("my_birds").KINDS.values() for kind in part]
    for kind, number in itertools.product(kinds, range(3)):
        (here / "birds" / kind).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng((kinds.index(kind), number)).integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(here / "birds" / kind / f"{number}.png")
    assert main(["check", "dataset", "my_birds:birds", "size=16", "--data-dir", str(here)]) == 0
    assert "8 classes, 3 images each, 24 in all" in capsys.readouterr().out


def changed(folder: Path, diff: str) -> None:
    """Applies a unified diff to the files in a folder."""
    words = ["git", "apply", "--unsafe-paths", f"--directory={folder}", "-"]
    subprocess.run(words, cwd=folder, input=diff, text=True, check=True)


def test_the_diff_that_gives_a_learner_a_batch_gradient(here, capsys):
    of_batch, _ = blocks("adding-a-learner", "diff")
    assert main(["new", "learner", "my_learner"]) == 0
    changed(here, of_batch)
    assert importlib.import_module("my_learner").my_learner().batch_gradient is not None
    capsys.readouterr()
    assert main(["check", "learner", "my_learner:my_learner"]) == 0, capsys.readouterr().out


def test_the_diff_that_adds_an_estimator(tmp_path):
    """It runs where all estimators do, and agrees with the truncated one, which differentiates all at once."""
    (diff,) = blocks("adding-an-estimator", "diff")
    for folder in ("fewshot_bench", "tests/hypergradients"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    changed(tmp_path, diff)
    script = """
import pytest, torch
from fewshot_bench.hypergradients.known_problems import KNOWN_PROBLEMS
from fewshot_bench.hypergradients.last_step import through_last_step
from fewshot_bench.hypergradients.unrolled import unrolled
for name, make in KNOWN_PROBLEMS.items():
    known = make()
    task = torch.utils._pytree.tree_map(lambda leaf: leaf[0], known.tasks)
    found, expected = (one(known.problem, known.phi, task) for one in (through_last_step(), unrolled(last=1)))
    assert known.problem.steps > 1, name
    for key, value in expected.dphi.items():
        torch.testing.assert_close(found.dphi[key], value, rtol=1e-12, atol=1e-14)
new = ["-k", "through and last and step"]
raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", *new, "tests/hypergradients/test_agreement.py"]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_diff_that_brings_a_learner_into_the_package(tmp_path):
    _, in_package = blocks("adding-a-learner", "diff")
    shutil.copytree(CHECKOUT / "fewshot_bench", tmp_path / "fewshot_bench")
    shutil.copy(CHECKOUT / "run_bench.py", tmp_path)
    text = (CHECKOUT / "fewshot_bench" / "cli" / "templates" / "learner.py.txt").read_text(encoding="utf-8")
    (tmp_path / "fewshot_bench" / "learners" / "my_learner.py").write_text(text.replace("NAME", "my_learner"))
    changed(tmp_path, in_package)
    script = """
from fewshot_bench.report.citing import citations
assert set(citations()["learner"]["my-learner"]) == {"finn2017"}
from fewshot_bench.cli.main import main
assert main(["list", "learner", "my-learner"]) == 0
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("my-learner: MAML held near its start. MAML, and the adapted weights are held"), done
    assert "hold    = 0.1" in done.stdout
