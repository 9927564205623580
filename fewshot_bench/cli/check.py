"""`fewshot-bench check`: the tests that the package's own backbones, inner optimizers and learners pass, on another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.parts import Kind, factory, with_options

if TYPE_CHECKING:
    from fewshot_bench.conformance.findings import Stages

MARKS = {True: "ok", None: "note", False: "fails"}


@dataclass(frozen=True)
class Options:
    """Test a backbone, an inner optimizer or a learner as the package's own are tested; print a line a test.

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


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for an unknown name and an unknown option.
    """
    from fewshot_bench.conformance.findings import findings

    _refuse(options)
    make = with_options(factory(options.kind, options.name), options.options, options.name)
    stages, subject = _trial(options, make)
    failed = done = 0
    for finding in findings(stages, subject):
        print(f"{MARKS[finding.ok]:6}{finding.name:26}{finding.what}", flush=True)
        done, failed = done + 1, failed + (finding.ok is False)
    left = sum(map(len, stages)) - done
    rest = f"; not tried: {counted(left, 'test')}" if left else ""
    print(f"{failed} of {counted(done, 'test')} failed{rest}" if failed else f"{counted(done, 'test')}, nothing failed")
    return 1 if failed else 0


def _refuse(options: Options) -> None:
    from fewshot_bench.data.datasets import dataset_named

    if options.kind != "backbone" and (options.dataset, options.ways) != (None, None):
        raise BenchError(f"--ways and --dataset are for backbones; {options.kind}s have their own small problem.")
    if options.dataset is not None:
        dataset_named(options.dataset)
    if options.ways is not None and options.ways < 2:
        raise BenchError(f"--ways is {options.ways}, but has to be at least 2.")


def _trial(options: Options, make: Callable[..., Any]) -> "tuple[Stages[Any], Any]":
    """The tests of a kind, and their subject."""
    from fewshot_bench.conformance import backbone, inner_optimizer, learner
    from fewshot_bench.data.datasets import dataset_named

    if options.kind == "learner":
        return learner.STAGES, learner.Candidate(make)
    if options.kind == "inner-optimizer":
        return inner_optimizer.STAGES, inner_optimizer.Rule(make)
    image = dataset_named(options.dataset or "omniglot").shape
    return backbone.STAGES, backbone.Backbone(make, image, options.ways or 5)
