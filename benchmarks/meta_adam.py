"""How far a meta-step of Adam moves each tensor of a cell, by the moments in its last checkpoint.

    uv run benchmarks/meta_adam.py results/NAME/cells/CELL

For each meta-parameter tensor, root mean squares over its elements: of Adam's mean gradient m, of sqrt(v), both
corrected for their start, and of m / (sqrt(v) + eps), the share of the meta-learning rate that a meta-step moves an
element by. A share far below 1 in all tensors means that earlier meta-gradients were far steeper than those now: Adam
divides by the root of a mean of squares over some 1,000 meta-steps.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import Tensor

from fewshot_bench.training.checkpoint import newest

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # torch.optim.Adam's defaults, as the fork's (few_shot_learning_system.py:124)


def moments(cell: Path) -> pd.DataFrame:
    """A row a tensor: m, sqrt_v and share. Raises SystemExit where there is no checkpoint."""
    found = newest(cell / "checkpoints", "step")
    if found is None:
        raise SystemExit(f"{cell} holds no checkpoint of its training.")
    steps, prefix = found.facts["iteration"], "optimizer/exp_avg/"
    rows = {}
    for name in sorted(key.removeprefix(prefix) for key in found.tensors if key.startswith(prefix)):
        m = found.tensors[f"optimizer/exp_avg/{name}"].double() / (1 - BETA1**steps)
        sqrt_v = (found.tensors[f"optimizer/exp_avg_sq/{name}"].double() / (1 - BETA2**steps)).sqrt()
        rows[name] = {"m": _rms(m), "sqrt_v": _rms(sqrt_v), "share": _rms(m / (sqrt_v + EPS))}
    return pd.DataFrame.from_dict(rows, orient="index")


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", type=Path, help="a cell's folder, with its checkpoints")
    found = moments(parser.parse_args(words).cell)
    print(found.to_string(float_format="%.2e"))
    print(f"median share: {found['share'].median():.3g}")


if __name__ == "__main__":
    main()
