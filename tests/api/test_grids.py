"""A grid from Python is the command's; pictures of a cell are those of the report."""

import numpy as np
import pytest
import torch

from fewshot_bench.api.figures import plot_learned
from fewshot_bench.api.grids import run_grid
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import main
from tests.tiny import tiny_grid


def test_the_same_cells_and_bytes_as_the_command(pattern_data, tmp_path, no_figures):
    import tomli_w

    (folder,) = run_grid(tiny_grid(), tmp_path / "python", data_dir=pattern_data)
    (tmp_path / "small.toml").write_text(tomli_w.dumps(tiny_grid()))
    out = tmp_path / "command"
    assert main(["run", str(tmp_path / "small.toml"), "--out", str(out), "--data-dir", str(pattern_data)]) == 0
    other = out / "cells" / folder.name
    assert (folder / "result.json").read_bytes() == (other / "result.json").read_bytes()


def test_called_again_it_trains_nothing(finished, pattern_data):
    folder = finished()
    written = (folder / "result.json").stat().st_mtime_ns
    assert run_grid(tiny_grid(), folder.parent.parent, data_dir=pattern_data) == [folder]
    assert (folder / "result.json").stat().st_mtime_ns == written


def test_a_cell_that_fails_is_a_sentence(pattern_data, tmp_path):
    wild = tiny_grid(learners={"maml++": {"learn_hyperparameters": False}}, inner_optimizers={"sgd": {"lr": 1e30}})
    with pytest.raises(BenchError, match=r"not done: 1 of 1 cell\. omniglot-.*(not finite|nan|inf)"):
        run_grid(wild, tmp_path, data_dir=pattern_data)


def test_what_cannot_be_is_told_before_any_work(tmp_path):
    with pytest.raises(BenchError, match="unknown backbone 'vggg'"):
        run_grid(tiny_grid(grid={"backbone": ["vggg"]}, backbones={}), tmp_path)
    with pytest.raises(BenchError, match="neither a file nor a preset"):
        run_grid("no-such-grid", tmp_path)


def test_learned_rates_are_drawn(finished):
    picture = plot_learned(finished(), "lr")
    assert picture.width > 400
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50  # lines in many shades
    both = plot_learned(finished(grid={"inner_optimizer": ["adam"]}))
    assert both.width > picture.width  # rates and betas side by side


def test_where_nothing_was_learned_it_says_so(finished, tmp_path):
    with pytest.raises(BenchError, match="learned nothing beside its weights"):
        plot_learned(finished(grid={"learner": ["protonet"]}))
    with pytest.raises(BenchError, match="learned lr"):
        plot_learned(finished(), "beta1")
    with pytest.raises(BenchError, match="is no cell"):
        plot_learned(tmp_path)


def test_a_notebooks_defaults_change_no_number(pattern_data, tmp_path):
    """A notebook in float64, or with another device for new tensors, or under autocast, has the command's bytes."""
    expected = _bytes(run_grid(tiny_grid(), tmp_path / "usual", data_dir=pattern_data))
    torch.set_default_dtype(torch.float64)
    try:
        assert _bytes(run_grid(tiny_grid(), tmp_path / "float64", data_dir=pattern_data)) == expected
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert _bytes(run_grid(tiny_grid(), tmp_path / "meta", data_dir=pattern_data)) == expected
    with torch.autocast("cpu", torch.bfloat16):
        assert _bytes(run_grid(tiny_grid(), tmp_path / "autocast", data_dir=pattern_data)) == expected


def _bytes(folders):
    return [(folder / name).read_bytes() for folder in folders for name in ("result.json", "episodes.parquet")]
