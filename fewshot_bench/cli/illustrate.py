"""`fewshot-bench illustrate`: draws hypergradients of iMAML on a problem with one weight."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from fewshot_bench.basics.counting import counted


@dataclass(frozen=True)
class Options:
    """Draw how adaptation answers its starting point on a task with one weight, and what hypergradients make of it.

    Writes four pictures (.png) and their values (.csv) and prints what estimators of a stochastic meta-gradient give.
    docs/imaml-in-one-dimension.md explains them. Takes less than half a minute of one core.

    Example: fewshot-bench illustrate imaml
    """

    what: tyro.conf.Positional[Literal["imaml"]]
    """Which pictures."""
    out: Path = Path("figures/imaml-1d")
    """Folder to write to."""
    samples: int = 400_000
    """Runs of noisy descent for each row of the printed table; an eightieth of them for each point of a curve."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for too few samples, and if files cannot be written.
    """
    from fewshot_bench.illustrations.imaml import draw  # torch and matplotlib take seconds to load; --help need not

    drawn = draw(options.out, options.samples)
    print("\n".join(map(str, drawn.files)))
    runs = counted(options.samples, "run")
    print(f"\nd M_sigma / d theta_0 from {runs} of noisy descent (standard errors in brackets):\n")
    print(drawn.table)
    return 0
