"""`fewshot-bench sensitivity`: tests one trained cell again by the protocols of other papers."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from fewshot_bench.cli.parsing import HiddenDefault


@dataclass(frozen=True)
class Options:
    """Test a finished cell again, without training, by other protocols: how much of a published difference is that.

    One factor at a time is changed from the cell's own protocol (tasks, queries, batch norm, ensemble, inner steps),
    and queries, batch norm and ensemble together; differences are paired by task. How long it takes is said first.
    Results go to sensitivity.json and sensitivity.csv in the cell's folder as they are found, and nothing else there
    changes: a command that was killed goes on when it is given again, and one with other lists measures what is new.

    Example: fewshot-bench sensitivity results/quick/cells/glyphs-5w1s-maml++-vgg-sgd-seed0-80it-55cd1cb6
    """

    cell: tyro.conf.Positional[Path]
    """A finished cell's folder, results/<grid>/cells/<cell>, with its checkpoints."""
    tasks: tuple[int, ...] = (600, 2_000, 10_000)
    """Numbers of test tasks, each at least 2."""
    queries: tuple[int, ...] = (1, 5, 15)
    """Query images a class."""
    ensemble: tuple[int, ...] = (1, 5)
    """Epochs whose logits are averaged, the best by validation."""
    steps: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    """Inner steps; beyond those that were trained, rates that are learned by step stay at the last one's."""
    data_dir: HiddenDefault[Path | None] = None
    """Folder of the data; $FEWSHOT_DATA or datasets/ if absent."""
    device: HiddenDefault[str | None] = None
    """Where to compute; as the cell was if absent."""
    format: Literal["terminal", "markdown", "csv"] = "terminal"
    """How to print it; csv has plain numbers, in percent."""
    output: HiddenDefault[Path | None] = None
    """Write the table to this file instead of printing it."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError if the folder is not a finished cell, if the images differ from those of its test, and for an
    invalid value.
    """
    # torch takes seconds to load: only now that the options are known to be good.
    from fewshot_bench.api.loading import loaded
    from fewshot_bench.api.pools import pool_for
    from fewshot_bench.api.protocols import FactorValues, check_values
    from fewshot_bench.api.sensitivity import sensitivity
    from fewshot_bench.cli.terminal import shown_progress
    from fewshot_bench.report.console import put, screen
    from fewshot_bench.report.markdown import markdown
    from fewshot_bench.report.terminal import terminal

    check_values(FactorValues(options.tasks, options.queries, options.ensemble, options.steps))
    trained = loaded(options.cell, device=options.device)
    with shown_progress() as progress:
        pool = pool_for(trained.cell, options.data_dir, progress)
    result = sensitivity(
        trained,
        pool,
        tasks=options.tasks,
        queries=options.queries,
        ensemble=options.ensemble,
        steps=options.steps,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    if options.format == "csv":
        text = result.frame().to_csv(index=False, lineterminator="\n")
    elif options.format == "markdown":
        text = markdown([result.table()], [])
    else:
        text = terminal([result.table()], [], *(screen(sys.stdout) if options.output is None else ()))
    put(text, options.output)
    return 0
