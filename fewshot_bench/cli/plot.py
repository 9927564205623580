"""`fewshot-bench plot`: draws learned rates and learning curves of a results folder."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Options:
    """Draw what was learned beside the weights: learning rates, and Adam's betas, over training, a line a tensor.

    And how each cell learned: accuracy over meta-steps, with the untrained network's if the folder has it.

    Writes DIR/figures/<cell>-learning-rates, <cell>-betas and <cell>-learning-curve, each as .png, .pdf and .csv.

    Example: fewshot-bench plot results/quick
    """

    directory: tyro.conf.Positional[Path]
    """The folder that `fewshot-bench run` wrote to (the one with cells/ in it)."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a folder without cells, or if figures cannot be written.
    """
    from fewshot_bench.report.plots import plot  # matplotlib takes a second to load; --help need not

    files = 0
    for drawn in plot(options.directory):
        files += len(drawn.files)
        print("\n".join(map(str, drawn.files)) or drawn.fault, flush=True)
    if not files:
        print(f"No cell of {options.directory} is trained: there is nothing to draw.")
    return 0
