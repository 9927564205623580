"""Adam's moments of known gradients."""

import pytest
import torch

from benchmarks.meta_adam import main, moments
from fewshot_bench.training import checkpoint


@pytest.fixture
def cell(tmp_path):
    """Three meta-steps of torch's Adam: one tensor of gradients 1, 1, 1, one of 100, 0, 0."""
    weights = {name: torch.nn.Parameter(torch.zeros(2)) for name in ("steady", "steep at first")}
    adam = torch.optim.Adam(weights.values())
    for gradients in ((1.0, 100.0), (1.0, 0.0), (1.0, 0.0)):
        for weight, value in zip(weights.values(), gradients, strict=True):
            weight.grad = torch.full((2,), value)
        adam.step()
    tensors = {
        f"optimizer/{key}/{name}": adam.state[weight][key]
        for name, weight in weights.items()
        for key in ("exp_avg", "exp_avg_sq")
    }
    checkpoint.write(tmp_path / "checkpoints", "step", 3, tensors, {"iteration": 3, "epochs": []})
    return tmp_path


def test_the_share_of_the_rate_that_a_meta_step_moves(cell):
    found = moments(cell)
    assert found.loc["steady"].tolist() == pytest.approx([1.0, 1.0, 1.0], rel=1e-5)
    steep = found.loc["steep at first"]
    assert steep["m"] == pytest.approx(100 * 0.1 * 0.9**2 / (1 - 0.9**3), rel=1e-5)
    assert steep["sqrt_v"] == pytest.approx(100 * (0.001 * 0.999**2 / (1 - 0.999**3)) ** 0.5, rel=1e-4)
    assert steep["ratio"] == pytest.approx(steep["m"] / steep["sqrt_v"])


def test_it_prints_a_line_a_tensor(cell, capsys):
    main([str(cell)])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()][1] == "1.00e+00"


def test_a_folder_without_checkpoint_is_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="holds no checkpoint"):
        main([str(tmp_path)])
