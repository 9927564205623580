"""docs/tutorial.md is a notebook: its blocks run in order, in one process, and show what the page says they show."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import fewshot_bench

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")

NOTEBOOK = """
import ast as _ast, doctest as _doctest, json as _json, pathlib as _pathlib, sys as _sys
import fewshot_bench as _package
_shown = {}
for _number, _block in enumerate(_json.load(_sys.stdin)):
    _body = _ast.parse(_block).body
    _end = _body.pop() if isinstance(_body[-1], _ast.Expr) else None
    exec(compile(_ast.Module(_body, []), f"block {_number}", "exec"), globals())
    _value = eval(compile(_ast.Expression(_end.value), f"block {_number}", "eval"), globals()) if _end else None
    if hasattr(_value, "_repr_png_"):
        _pathlib.Path(f"{_number}.png").write_bytes(_value._repr_png_())
    elif _value is not None:
        _shown[_number] = _value._repr_markdown_() if hasattr(_value, "_repr_markdown_") else repr(_value)
_runner = _doctest.DocTestRunner(verbose=False, optionflags=_doctest.IGNORE_EXCEPTION_DETAIL)
_said, _ran = [], {}
_names = {_name: getattr(_package, _name) for _name in _package.__all__}
for _name, _object in [*_names.items(), ("Adapted", type(adapted))]:
    for _test in _doctest.DocTestFinder().find(_object, _name, module=False, globs=globals() | _names):
        _ran[_test.name] = _runner.run(_test, out=_said.append).attempted
_examples = {"ran": _ran, "said": "".join(_said)}
_found = {"shown": _shown, "accuracy": accuracy, "rates": list(last.index), "examples": _examples}
_pathlib.Path("shown.json").write_text(_json.dumps(_found))
"""
"""What a notebook does: runs a block, and shows the value of its last line. Then the docstrings' examples run there."""


def blocks() -> list[tuple[str, str]]:
    """Each Python block, and the text block right after it, empty where there is none."""
    return re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def ran(glyphs_data, tmp_path_factory):
    """The folder that the notebook ran in, and what it printed."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = os.environ | {"FEWSHOT_DATA": str(glyphs_data), "OMP_NUM_THREADS": "1"}
    code = json.dumps([code for code, _ in blocks()])
    words = [sys.executable, "-W", "error", "-c", NOTEBOOK]
    done = subprocess.run(words, input=code, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_what_the_page_shows_is_what_comes(ran):
    folder, printed = ran
    shown = json.loads((folder / "shown.json").read_text())["shown"]
    expected = [(number, text.strip()) for number, (_, text) in enumerate(blocks()) if text]
    assert len(expected) == 4
    for number, text in expected:
        assert text == shown.get(str(number), printed.strip())


def test_what_is_to_be_a_picture_is_one(ran):
    folder, _ = ran
    numbers = sorted(int(path.stem) for path in folder.glob("*.png"))
    ends = [blocks()[number][0].splitlines()[-1] for number in numbers]
    assert ends == ["task", "adapted", 'plot_learned(folders[0], "lr")']
    for number in numbers:
        with Image.open(folder / f"{number}.png") as picture:
            assert picture.width > 100


def test_the_shapes_are_told_apart_better_than_by_chance(ran):
    folder, _ = ran
    said = json.loads((folder / "shown.json").read_text())
    assert said["accuracy"] >= 8 / 12  # by guessing, once in about fifty tries
    assert len(said["rates"]) == 18
    assert any("points apart by protocol alone" in text for text in said["shown"].values())


def test_the_examples_of_docstrings_run_after_the_tutorial(ran):
    folder, _ = ran
    examples = json.loads((folder / "shown.json").read_text())["examples"]
    assert examples["said"] == ""
    without = [name for name in [*fewshot_bench.__all__, "Adapted.predict"] if not examples["ran"].get(name)]
    assert without == []


def test_the_page_imports_every_public_name_and_no_other():
    imported = re.search(r"from fewshot_bench import \((.*?)\)", PAGE, re.DOTALL).group(1)
    assert {*re.findall(r"\w+", imported), "BenchError"} == set(fewshot_bench.__all__)
    assert (
        re.search(r"^(\w+) names are for this", PAGE, re.MULTILINE).group(1) == "Eleven"
        and len(fewshot_bench.__all__) == 11
    )
