"""What one trained network may be judged by: its own protocol, and others that differ from it in one factor."""

from dataclasses import replace
from typing import NamedTuple

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.protocols import Protocol, own_protocol
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.grid.validation import impossible
from fewshot_bench.learners.base import BatchNorm

BATCH_NORMS: tuple[BatchNorm, ...] = ("transductive", "inductive")
TOGETHER = "queries x batch norm x ensemble"
"""The factors that are crossed, since papers differ in all three at once."""

BACKWARD = 3  # a gradient takes about as long as so many forward passes


class Wanted(NamedTuple):
    """The values that each factor takes. Queries are a class's."""

    tasks: tuple[int, ...] = (600, 2_000, 10_000)
    queries: tuple[int, ...] = (1, 5, 15)
    ensemble: tuple[int, ...] = (1, 5)
    steps: tuple[int, ...] = (1, 2, 3, 5, 10, 20)


LEAST = Wanted(tasks=(2,), queries=(1,), ensemble=(1,), steps=(0,))
"""An interval takes two tasks, an accuracy a query; a network may be judged as it is, without a step."""


def check_wanted(wanted: Wanted) -> None:
    """Raises BenchError for a value that no protocol can have."""
    for factor, values, (least,) in zip(wanted._fields, wanted, LEAST, strict=True):
        for value in values:
            if value < least:
                raise BenchError(f"`{factor}` is {value}, but has to be at least {least}.")


class Variation(NamedTuple):
    """A protocol with the number of its tasks. factor, value: what it differs in; reason: why it cannot be, if so."""

    factor: str
    value: str
    protocol: Protocol
    tasks: int
    reason: str = ""


def variations(trained: TrainedCell, wanted: Wanted) -> list[Variation]:
    """The cell's own protocol, then one factor at a time, then some together; values that are its own too."""
    own, count = own_protocol(trained), trained.cell.evaluation.tasks
    found = [Variation("as tested", "", own, count)]
    found += [Variation("tasks", f"{tasks:,}", own, tasks) for tasks in wanted.tasks]
    found += [Variation("queries", str(q), own._replace(queries=q), count) for q in wanted.queries]
    found += [Variation("batch norm", mode, own._replace(batch_norm=mode), count) for mode in BATCH_NORMS]
    found += [Variation("ensemble", str(size), own._replace(ensemble=size), count) for size in wanted.ensemble]
    if trained.learner.traits.inner_loop:
        found += [Variation("inner steps", str(steps), own._replace(steps=steps), count) for steps in wanted.steps]
    elif wanted.steps:
        reason = f"{trained.cell.learner} has no inner loop, so there are no steps to take."
        found.append(Variation("inner steps", "any", own, count, reason))
    found += [
        Variation(
            TOGETHER, f"{queries}, {mode}, {size}", own._replace(queries=queries, batch_norm=mode, ensemble=size), count
        )
        for queries in wanted.queries
        for mode in BATCH_NORMS
        for size in wanted.ensemble or (own.ensemble,)
    ]
    return [one if one.reason else one._replace(reason=_why_not(trained, one)) for one in found]


def _why_not(trained: TrainedCell, one: Variation) -> str:
    """A sentence where a protocol cannot be; empty where it can."""
    if one.protocol.ensemble > len(trained.members):
        kept = counted(len(trained.members), "validated epoch")
        return f"No ensemble of {one.protocol.ensemble}: the cell kept {kept}."
    evaluation = replace(
        trained.cell.evaluation, queries=one.protocol.queries, inner_steps=one.protocol.steps, tasks=one.tasks
    )
    return " ".join(impossible(replace(trained.cell, evaluation=evaluation)))


def passes(trained: TrainedCell, protocol: Protocol) -> int:
    """About how many images pass the network in a task, forwards: what its time goes by."""
    support, queries = (trained.cell.ways * images for images in (trained.cell.shots, protocol.queries))
    steps = protocol.steps if trained.learner.traits.inner_loop else 0
    asked = queries if protocol.batch_norm == "transductive" else queries * (support + 1)
    return protocol.ensemble * (BACKWARD * steps * support + asked)
