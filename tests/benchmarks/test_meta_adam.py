"""Adam's moments of known gradients."""

import pytest
import torch

from benchmarks.meta_adam import main, moments
from fewshot_bench.training import checkpoint


@pytest.fixture
def adam():
    """Three meta-steps of torch's Adam; a last one, of the moments' own, would move each weight by `share` x rate."""
    weights = {name: torch.nn.Parameter(torch.zeros(2)) for name in ("steady", "steep at first", "nearly none")}
    adam = torch.optim.Adam(weights.values(), lr=1.0)
    for steady, steep in ((1.0, 100.0), (1.0, 0.0), (1.0, 0.0)):
        weights["steady"].grad = torch.tensor([steady, -1e-3 * steady])
        weights["steep at first"].grad = torch.tensor([steep, 1.0])
        weights["nearly none"].grad = torch.tensor([1e-12, 0.0])
        before = {name: weight.detach().clone() for name, weight in weights.items()}
        adam.step()
    moved = {name: (weight - before[name]).detach() for name, weight in weights.items()}
    return {name: adam.state[weight] for name, weight in weights.items()}, moved


@pytest.fixture
def cell(adam, tmp_path):
    """The checkpoint of a cell whose meta-optimizer has these moments."""
    state, _ = adam
    keys = [(key, name) for name in state for key in ("exp_avg", "exp_avg_sq")]
    tensors = {f"optimizer/{key}/{name}": state[name][key] for key, name in keys}
    checkpoint.write(tmp_path / "checkpoints", "step", 3, tensors, {"iteration": 3, "epochs": []})
    return tmp_path


def test_the_share_of_the_rate_is_what_torch_moved(adam, cell):
    found, (_, moved) = moments(cell), adam
    for name, by in moved.items():
        assert found.loc[name, "share"] == pytest.approx(float(by.double().square().mean().sqrt()), rel=1e-4), name
    assert found.loc["nearly none", "share"] < 1e-4 and found.loc["steady", "share"] > 0.99
    assert found.loc["steady", "m"] == pytest.approx((1 + 1e-6) ** 0.5 / 2**0.5, rel=1e-5)


def test_it_prints_a_line_a_tensor_and_the_median(cell, capsys):
    main([str(cell)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[-1].startswith("median share: 0.")


def test_a_folder_without_checkpoint_is_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="holds no checkpoint"):
        main([str(tmp_path)])
