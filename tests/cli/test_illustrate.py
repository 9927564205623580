"""`fewshot-bench illustrate`, as a user meets it."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

from fewshot_bench.cli.main import main

PICTURES = ("solution", "derivative", "meta-objective", "stochastic")
TABLES = ("curves", "jumps", "stochastic", "estimators")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(map(str, words))))
        assert main(["illustrate", "imaml", "--out", str(folder), "--samples", "400"]) == 0
    return "\n".join(lines)


def test_it_writes_what_it_says(printed: str, folder: Path) -> None:
    named = [Path(line).name for line in printed.splitlines() if line.startswith(str(folder))]
    assert named == [f"imaml-1d-{name}.png" for name in PICTURES] + [f"imaml-1d-{name}.csv" for name in TABLES]
    assert sorted(named) == sorted(path.name for path in folder.iterdir())


def test_pictures_are_pictures(printed: str, folder: Path) -> None:
    for name in PICTURES:
        pixels = imread(folder / f"imaml-1d-{name}.png")
        assert min(pixels.shape[:2]) > 500 and pixels.std() > 0.02


def test_tables_hold_the_values(printed: str, folder: Path) -> None:
    tables = {name: pd.read_csv(folder / f"imaml-1d-{name}.csv") for name in TABLES}
    assert len(tables["jumps"]) == 4
    assert tables["curves"]["theta0"].is_monotonic_increasing and not tables["curves"].isna().any(axis=None)
    assert set(tables["stochastic"]["sigma"]) == {0.5, 1.0, 2.0}
    shown = tables["estimators"].set_index(["estimator", "sigma", "theta0"])["value"]
    assert f"{shown['score', 1.0, 0.3]:.4f}" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--samples", "10"], "error: 10 samples cannot give a standard error"),
        (["--out", "/dev/null/figures"], "error: cannot write"),
    ],
)
def test_a_mistake_is_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["illustrate", "imaml", *words]) == 2
    assert capsys.readouterr().err.startswith(sentence)
