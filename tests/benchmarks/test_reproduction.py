"""docs/reproduction.md says what the committed runs say, and its figures are made of them."""

from pathlib import Path
from statistics import fmean, stdev

import matplotlib.image
import pytest

from benchmarks import reproduction
from benchmarks.reproduced import Run, reproduced
from benchmarks.reproduction_figures import curves_figure, learned_figures, save
from benchmarks.reproduction_tables import against_published
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.published_beside import published_beside

DOCS = Path(__file__).resolve().parents[2] / "docs"
VGG = Run("gimli-omniglot-cpu", "gimli-omniglot")
ALIKE = 0.03
FIGURES = ("curves", "learned-adam", "learned-sgd")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page and its figures, made anew from a page without tables."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "figures").mkdir()
    text = (DOCS / "reproduction.md").read_text(encoding="utf-8")
    (folder / "reproduction.md").write_text(reproduction.filled(text, dict.fromkeys(reproduction.tables(), "")))
    reproduction.main(["--docs", str(folder)])
    return folder


def test_the_page_has_the_numbers_of_the_runs(made):
    again = (made / "reproduction.md").read_text(encoding="utf-8")
    assert again == (DOCS / "reproduction.md").read_text(encoding="utf-8"), "run: uv run benchmarks/reproduction.py"


def difference(one, other):
    """Mean absolute difference of two pictures, over the pixels where either is not white."""
    ink = (one < 0.97).any(-1) | (other < 0.97).any(-1)
    return float(abs(one - other)[ink].mean())


@pytest.mark.parametrize("name", FIGURES)
def test_its_figures_are_those_of_the_runs(made, name):
    """Nearly: another version of the drawing library or its fonts may move a letter."""
    new, old = (matplotlib.image.imread(folder / "figures" / f"reproduction-{name}.png") for folder in (made, DOCS))
    assert new.shape == old.shape
    assert difference(new, old) < ALIKE, "run: uv run benchmarks/reproduction.py"


def test_a_figure_without_its_lines_would_not_pass_for_it(tmp_path):
    figures = {"curves": curves_figure(reproduction.CURVES)}
    figures |= {f"learned-{rule}": figure for rule, figure in learned_figures(reproduction.FIGURES_2_AND_3).items()}
    assert set(figures) == set(FIGURES)
    for name, figure in figures.items():
        for axes in figure.axes:
            for line in axes.lines:
                line.set_visible(False)
        save(figure, tmp_path / f"{name}.png")
        pictures = (tmp_path / f"{name}.png", DOCS / "figures" / f"reproduction-{name}.png")
        assert difference(*map(matplotlib.image.imread, pictures)) > 2 * ALIKE


def test_every_committed_configuration_with_a_published_number_is_in_it():
    text = (DOCS / "reproduction.md").read_text(encoding="utf-8")
    for run in reproduction.ALL:
        trained = [cell for cell in read_cells(run.path) if cell.iterations]
        assert trained and all(cell.status == "done" for cell in trained)
        for group in grouped(trained):
            if published_beside(group.axes, str(group.fingerprint["batch_norm"])) is None:
                assert "resnet-4-adam" in group.cells[0].name  # at 5-way 1-shot, which the paper does not print
                continue
            accuracies = [100 * cell.result["test_accuracy"] for cell in group.cells]
            if len(accuracies) == 1:
                parts = [f"| {accuracies[0]:.2f} ± {100 * group.cells[0].result['test_ci95']:.2f} |"]
            else:
                parts = [
                    f"| {fmean(accuracies):.2f} ± ",
                    f" ({len(accuracies)} seeds, deviation {stdev(accuracies):.2f}) |",
                ]
            assert any(all(part in line for part in parts) for line in text.splitlines()), group.cells[0].name


def test_every_run_is_drawn():
    assert sorted(run for runs in reproduction.CURVES for run in runs) == sorted(reproduction.ALL)


def test_what_is_not_the_presets_is_told():
    unchanged = reproduced([VGG])
    assert {one.otherwise for one in unchanged} == {()}
    assert {(one.steps, one.published_steps) for one in unchanged} == {(4000, 75_000)}
    (other,) = reproduced([Run("imaml-omniglot-cpu", "imaml-omniglot")])
    assert {"lr 0.025 (0.1)", "meta_lr 0.003 (0.001)"} <= set(other.otherwise)
    assert not [text for text in other.otherwise if "damping" in text]  # one of the preset's cells is undamped too
    assert (other.tasks, other.published_tasks) == (8, 32)
    assert "| nothing |" in against_published(unchanged) and "| nothing |" not in against_published([other])


def test_a_curve_begins_untrained_and_ends_where_the_cell_did():
    (axes,) = curves_figure([[VGG]]).axes
    solid = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(solid) == 2 and len(axes.lines) == 4  # beside each, what was published
    for line in solid:
        steps, values = line.get_data()
        assert (steps[0], steps[-1]) == (0, 4000) and values[0] < 0.7 < 0.98 < values[-1]


def test_a_table_without_a_place_is_noticed():
    with pytest.raises(ValueError, match="places for"):
        reproduction.filled("<!-- made: omniglot -->\n<!-- /made -->", {"omniglot": "", "reptile": ""})
