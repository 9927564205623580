"""Dropout from given draws: torch's values, at the rate asked for, of elements or of whole channels."""

import pytest
import torch
import torch.nn.functional as F

from fewshot_bench.backbones import dropout
from fewshot_bench.backbones.noise import split, uniform
from fewshot_bench.basics.errors import BenchError

ALL = [
    dropout.dropout,
    dropout.dropout1d,
    dropout.dropout2d,
    dropout.dropout3d,
    dropout.alpha_dropout,
    dropout.feature_alpha_dropout,
]
SHAPE = {"dropout1d": (40, 30, 6), "dropout3d": (40, 30, 1, 2, 3)}


def draws():
    """Other numbers at each call."""
    keys = (split(torch.tensor(3), number) for number in range(100))
    return lambda shape: uniform(next(keys), shape)


def ones(function) -> torch.Tensor:
    return torch.ones(SHAPE.get(function.__name__, (40, 30, 2, 3)), dtype=torch.float64)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_values_are_torchs(function, p):
    x = 0.7 * ones(function)
    ours, theirs = function(draws(), x, p, True), getattr(F, function.__name__)(x, p, True)
    assert ours.shape == x.shape
    assert torch.allclose(ours.unique(), theirs.unique(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_rate_and_what_shares_a_draw(function):
    kept = function(draws(), ones(function), 0.3, True) > 0
    channels = kept.flatten(2)
    whole = function not in (dropout.dropout, dropout.alpha_dropout)
    assert bool((channels == channels[..., :1]).all()) == whole
    independent = channels[..., 0] if whole else kept
    assert abs(float(independent.double().mean()) - 0.7) < 4 * (0.21 / independent.numel()) ** 0.5
    assert len(independent.flatten(1).unique(dim=0)) == len(kept)  # images differ from each other


@pytest.mark.parametrize(("function", "shape"), [(dropout.dropout1d, (30, 6)), (dropout.dropout3d, (30, 1, 2, 3))])
def test_a_single_example_has_a_draw_for_each_channel(function, shape):
    kept = function(draws(), torch.ones(shape), 0.5) > 0
    assert bool((kept.flatten(1) == kept.flatten(1)[:, :1]).all())
    assert 5 < int(kept.flatten(1)[:, 0].sum()) < 25


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_nothing_is_dropped_in_evaluation(function):
    x = ones(function)
    assert function(draws(), x, 0.5, False) is x
    assert function(None, x, 0.5, True) is x


def test_in_place_where_asked():
    x = torch.ones(8, 8)
    assert dropout.dropout(draws(), x, 0.5, inplace=True) is x
    assert torch.equal(x, dropout.dropout(draws(), torch.ones(8, 8), 0.5))


def test_bernoulli_gives_a_new_tensor_and_spoils_the_old_one():
    x = torch.empty(1000, 1)
    drawn = dropout.bernoulli_(draws(), x, 0.8)
    assert drawn.unique().tolist() == [0, 1]
    assert abs(float(drawn.mean()) - 0.8) < 4 * (0.16 / 1000) ** 0.5
    assert bool(x.isnan().all())
    with pytest.raises(BenchError, match="draws random numbers in evaluation"):
        dropout.bernoulli_(None, x, 0.8)
