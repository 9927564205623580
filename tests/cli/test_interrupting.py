"""What Ctrl-C says in each phase of a run, and of other commands."""

import signal

import pytest
import tomli_w

from fewshot_bench.cli import computing, main
from fewshot_bench.cli.live import RunState
from fewshot_bench.grid.retrying import as_grid
from fewshot_bench.report import plots
from fewshot_bench.training.replica import Moment
from tests.grid.test_inline import CELL


@pytest.mark.parametrize(
    ("phase", "says"),
    [
        ("", "stopping before the next cell"),
        ("waiting", "stopping without waiting for the process that has the cell"),
        ("planning", "stopping after the plan that is being tried"),
        ("building", "stopping before the first meta-step"),
        ("training", "stopping after this meta-step"),
        ("validation", "stopping after the tasks that are being evaluated"),
        ("test", "stopping after the tasks that are being evaluated"),
    ],
)
def test_ctrl_c_says_when_the_run_ends_and_again_ends_it(phase, says, capsys):
    run = RunState([CELL])
    if phase:
        run.moment(CELL, Moment(phase, 0, None, None))
    with computing._stop_on_interrupt(run.stopping_point) as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert capsys.readouterr().err == f"\n{says}; Ctrl-C again ends at once\n"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_cells_side_by_side_in_different_phases_are_all_named():
    """As with Ray."""
    run = RunState([CELL])
    for cell, phase in zip("abcd", ["training", "planning", "test", "training"], strict=True):
        run.state[cell] = phase
    planning, training, test = "the plan that is being tried", "this meta-step", "the tasks that are being evaluated"
    assert run.stopping_point() == f"after {planning} and after {training} and after {test}"
    for cell in "abcd":
        run.state[cell] = "done"
    assert run.stopping_point() == "before the next cell"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "quick"], "interrupted; the same command goes on from the last checkpoints"),
        ([], "interrupted; the same command goes on from the last checkpoints"),
        (["sensitivity", "cell"], "interrupted; the same command measures what is left"),
        (["report", "folder"], "interrupted; the same command begins again"),
    ],
)
def test_interrupted_elsewhere_it_says_what_the_same_command_does(words, says, monkeypatch, capsys):
    def command(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "run_command", command)
    assert main.main(words) == 130
    assert capsys.readouterr().err == f"{says}\n"


def test_ctrl_c_while_figures_are_drawn_says_that_the_results_are_saved(pattern_data, tmp_path, monkeypatch, capsys):
    def drawing(directory, cells):
        signal.raise_signal(signal.SIGINT)
        yield from ()

    monkeypatch.setattr(plots, "plot_new", drawing)
    content = as_grid(CELL).content
    content["training"]["iterations"] = 0
    (tmp_path / "grid.toml").write_text(tomli_w.dumps(content))
    out = tmp_path / "out"
    assert main.main(["run", str(tmp_path / "grid.toml"), "--data-dir", str(pattern_data), "--out", str(out)]) == 130
    assert "interrupted after the last cell: its results are saved" in capsys.readouterr().err
    assert len(list(out.glob("cells/*/result.json"))) == 1
