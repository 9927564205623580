"""`fewshot-bench check`: the tests that the package's own backbones, learners, datasets, ... pass, on another."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.options import off_default
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.parts import Kind, factory, option_values, with_options
from fewshot_bench.grid.files import make_importable

if TYPE_CHECKING:
    from fewshot_bench.conformance.findings import Stages

MARKS = {True: "ok", None: "note", False: "fails"}


@dataclass(frozen=True)
class Options:
    """Test a backbone, inner optimizer, learner or dataset as the package's own are tested; print a line a test.

    ok: passed, with what was measured. note: worth knowing, and no fault. fails: what is wrong, measured and allowed.
    Exit status: 0 nothing fails, 1 something does, 2 there is no such thing or it has no such option.

    Example: fewshot-bench check backbone my_nets:tiny hidden=64 --dataset mini-imagenet
    """

    kind: tyro.conf.Positional[Kind]
    """What it is."""
    name: tyro.conf.Positional[str]
    """Its name in a grid, or its import path, package.module:name; paths begin in the current folder too."""
    options: tyro.conf.Positional[
        HiddenDefault[Annotated[tuple[str, ...], tyro.conf.arg(metavar="[KEY=VALUE ...]")]]
    ] = ()
    """Options of its own."""
    dataset: HiddenDefault[str | None] = None
    """For a backbone: the dataset whose image shape it is tried on, omniglot if absent. No data is read."""
    ways: HiddenDefault[int | None] = None
    """For a backbone: classes of a task, 5 if absent."""
    data_dir: HiddenDefault[Path | None] = None
    """For a dataset: its data folder, $FEWSHOT_DATA or datasets/ if absent. It is only read."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for an unknown name and an unknown option.
    """
    from fewshot_bench.conformance.findings import findings

    make_importable(Path.cwd())
    _refuse(options)
    with tempfile.TemporaryDirectory(prefix="fewshot-bench-", ignore_cleanup_errors=True) as scratch:
        stages, subject = _trial(options, Path(scratch))
        failed = done = 0
        for finding in findings(stages, subject):
            print(f"{MARKS[finding.ok]:6}{finding.name:26}{finding.what}", flush=True)
            done, failed = done + 1, failed + (finding.ok is False)
    left = sum(map(len, stages)) - done
    rest = f"; not tried: {counted(left, 'test')}" if left else ""
    print(f"{failed} of {counted(done, 'test')} failed{rest}" if failed else f"{counted(done, 'test')}, nothing failed")
    return 1 if failed else 0


def _refuse(options: Options) -> None:
    """Raises BenchError for flags that are of another kind."""
    if options.kind != "backbone" and (options.dataset, options.ways) != (None, None):
        raise BenchError(f"--ways and --dataset are for backbones, and {options.name} is tested as {_a(options.kind)}.")
    if options.kind != "dataset" and options.data_dir is not None:
        raise BenchError(f"--data-dir is for datasets, and {options.name} is tested as {_a(options.kind)}.")
    if options.ways is not None and options.ways < 2:
        raise BenchError(f"--ways is {options.ways}, but has to be at least 2.")


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _trial(options: Options, scratch: Path) -> "tuple[Stages[Any], Any]":
    """The tests of a kind, and their subject. scratch: a folder for what the tests of a dataset make."""
    from fewshot_bench.conformance import backbone, dataset, inner_optimizer, learner
    from fewshot_bench.data.datasets import find_dataset, options_known
    from fewshot_bench.data.locations import default_data_dir

    if options.kind == "dataset":
        data_dir = options.data_dir or default_data_dir()
        known = options_known(options.name, data_dir)
        values = off_default(option_values(options.options, known, options.name), known)
        drawn = find_dataset(options.name, data_dir, values).draw_tasks is not None
        stages = dataset.DRAWN_STAGES if drawn else dataset.STAGES
        return stages, dataset.Candidate(options.name, data_dir, scratch, values)
    image = find_dataset(options.dataset or "omniglot", default_data_dir()).shape
    make = with_options(factory(options.kind, options.name), options.options, options.name)
    if options.kind == "learner":
        return learner.STAGES, learner.Candidate(make)
    if options.kind == "inner-optimizer":
        return inner_optimizer.STAGES, inner_optimizer.Rule(make)
    return backbone.STAGES, backbone.Backbone(make, image, options.ways or 5)
