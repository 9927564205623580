"""How far a meta-step of Adam moves each tensor of a cell, by the moments in its last checkpoint.

    uv run benchmarks/meta_adam.py results/NAME/cells/CELL

For each meta-parameter tensor: the root mean square of Adam's mean gradient m and of sqrt(v), both corrected for their
start, and their ratio, the share of the meta-learning rate that a meta-step moves an element by. A ratio far below 1
where v is still that of the first meta-steps means that these were so steep that Adam hardly moves: sqrt(v) halves in
1,386 meta-steps at beta2 = 0.999.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fewshot_bench.training.checkpoint import newest

BETA1, BETA2 = 0.9, 0.999  # torch.optim.Adam's defaults, as the fork has them (few_shot_learning_system.py:124)


def moments(cell: Path) -> pd.DataFrame:
    """A row a tensor: m, sqrt_v and ratio, root mean squares over its elements. SystemExit without checkpoint."""
    found = newest(cell / "checkpoints", "step")
    if found is None:
        raise SystemExit(f"{cell} holds no checkpoint of its training.")
    steps = found.facts["iteration"]
    rows = {}
    for key, tensor in found.tensors.items():
        if key.startswith("optimizer/exp_avg_sq/"):
            name = key.removeprefix("optimizer/exp_avg_sq/")
            mean = found.tensors[f"optimizer/exp_avg/{name}"].double() / (1 - BETA1**steps)
            square = tensor.double() / (1 - BETA2**steps)
            m, sqrt_v = float(mean.square().mean().sqrt()), float(square.mean().sqrt())
            rows[name] = {"m": m, "sqrt_v": sqrt_v, "ratio": m / sqrt_v if sqrt_v else 0.0}
    return pd.DataFrame.from_dict(rows, orient="index").sort_index()


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", type=Path, help="a cell's folder, with its checkpoints")
    print(moments(parser.parse_args(words).cell).to_string(float_format="%.2e"))


if __name__ == "__main__":
    main()
