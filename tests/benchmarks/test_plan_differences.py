"""Two plans side by side: the benchmark at its smallest, and the kink that it shows, by itself."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.plan_differences import PLANS, main, spread
from fewshot_bench.backbones.fused.pooling import max_pool2d

TINY = ["--backbone", "tests.benchmarks.networks:tiny", "--steps", "1", "--tasks", "4", "--batch", "2"]


def test_plans_are_compared_in_both_precisions(pattern_data, capsys):
    """But for those of two threads, to which writing down adds seconds."""
    plans = [name for name, plan in PLANS.items() if plan.threads == 1]
    main([*TINY, "--datasets", "omniglot", "--data-dir", str(pattern_data), "--plans", *plans])
    told = capsys.readouterr().out
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in told.splitlines()[4:]]
    assert [row[:4] for row in rows] == [
        ["omniglot", "sgd", plan, numbers] for numbers in ("float32", "float64") for plan in plans
    ]
    in_float64 = [row for row in rows if row[3] == "float64"]
    assert {row[4] for row in in_float64} == {"0"}
    assert max(float(field) for row in in_float64 for field in row[5:]) < 1e-11
    assert "4 tasks, batches of 2." in told


def test_a_dataset_that_is_not_there_is_left_out_with_its_reason(tmp_path, capsys):
    main([*TINY, "--datasets", "omniglot", "--data-dir", str(tmp_path)])
    told = capsys.readouterr()
    assert "omniglot is left out: no omniglot in" in told.err
    assert len(told.out.splitlines()) == 4


def test_distances_are_relative_of_tasks_and_of_the_means_of_batches():
    """The second task of four is half off, along an axis of its own; the mean of its batch is (3, 4, 0.05)."""
    expected = torch.tensor([[6.0, 8.0, 0.0], [0.0, 0.0, 0.1], [3.0, 4.0, 0.0], [3.0, 4.0, 0.0]])
    found = expected.clone()
    found[1, 2] += 0.05
    found[2, 0] += 0.04  # 0.8 %
    one = spread(found * 7, expected * 7, batch=2)
    assert (one.over, one.median, one.largest) == (1, pytest.approx(0.0), pytest.approx(0.5))
    assert one.batch == pytest.approx(0.025 / (25 + 0.05**2) ** 0.5)


@pytest.mark.parametrize("pool", [F.max_pool2d, max_pool2d], ids=["torch", "fused"])
@pytest.mark.parametrize(("dtype", "flips"), [(torch.float32, True), (torch.float64, False)])
def test_rounding_flips_a_max_pool_and_turns_the_gradient(pool, dtype, flips):
    """A window holds 1 and the sum of 1, 2^-24 and 2^-24, which two orders of adding give as 1 or as 1 + 2^-23."""

    def gradient(small_ones_first: bool) -> torch.Tensor:
        values = torch.tensor([1.0, 1.0, 2.0**-24, 2.0**-24], dtype=dtype, requires_grad=True)
        other, a, b, c = values
        total = a + (b + c) if small_ones_first else (a + b) + c
        assert abs(float((total - other).detach())) < 1e-6
        window = torch.stack([other, total, total - 1, total - 1]).reshape(1, 1, 2, 2)
        return torch.autograd.grad(pool(window, 2).sum(), values)[0]

    one, other = gradient(False), gradient(True)
    assert other.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert one.tolist() == ([1.0, 0.0, 0.0, 0.0] if flips else other.tolist())
