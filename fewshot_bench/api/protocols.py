"""Test protocols: the one that a trained cell was tested by, and variations that differ from it in one factor."""

from dataclasses import replace
from typing import NamedTuple

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.grid.validation import value_faults
from fewshot_bench.learners.base import BatchNorm


class Protocol(NamedTuple):
    """Settings of a test. queries: images per class. ensemble: epochs whose logits are averaged. steps: inner steps."""

    queries: int
    batch_norm: BatchNorm
    ensemble: int
    steps: int


def own_protocol(trained: TrainedCell) -> Protocol:
    """The protocol of the cell's own test."""
    cell = trained.cell
    return Protocol(cell.test_queries, trained.learner.traits.batch_norm, len(trained.members), cell.test_steps)


BATCH_NORMS: tuple[BatchNorm, ...] = ("transductive", "inductive")
TOGETHER = "queries x batch norm x ensemble"
"""Name of the variations in three factors at once, in which papers differ together."""

BACKWARD = 3  # forward passes that take about as long as one gradient


class FactorValues(NamedTuple):
    """The values to test of each factor: numbers of tasks, of queries per class, of epochs, of inner steps."""

    tasks: tuple[int, ...] = (600, 2_000, 10_000)
    queries: tuple[int, ...] = (1, 5, 15)
    ensemble: tuple[int, ...] = (1, 5)
    steps: tuple[int, ...] = (1, 2, 3, 5, 10, 20)


LEAST = FactorValues(tasks=(2,), queries=(1,), ensemble=(1,), steps=(0,))
"""Smallest values. An interval needs two tasks, and an accuracy one query; zero inner steps are possible."""


def check_values(values: FactorValues) -> None:
    """Raise BenchError for a value that no protocol can have."""
    for factor, of_factor, (least,) in zip(values._fields, values, LEAST, strict=True):
        for value in of_factor:
            if value < least:
                raise BenchError(f"`{factor}` is {value}, but has to be at least {least}.")


class Variation(NamedTuple):
    """A protocol to test. factor, value: its difference to the cell's own. reason: why it is impossible, else ""."""

    factor: str
    value: str
    protocol: Protocol
    tasks: int
    reason: str = ""


def variations(trained: TrainedCell, values: FactorValues) -> list[Variation]:
    """The cell's own protocol, then variations of one factor, then of three at once. Values may equal the own ones."""
    own, count = own_protocol(trained), trained.cell.evaluation.tasks
    result = [Variation("as tested", "", own, count)]
    result += [Variation("tasks", f"{tasks:,}", own, tasks) for tasks in values.tasks]
    result += [Variation("queries", str(q), own._replace(queries=q), count) for q in values.queries]
    result += [Variation("batch norm", mode, own._replace(batch_norm=mode), count) for mode in BATCH_NORMS]
    result += [Variation("ensemble", str(size), own._replace(ensemble=size), count) for size in values.ensemble]
    if trained.learner.traits.inner_loop:
        result += [Variation("inner steps", str(steps), own._replace(steps=steps), count) for steps in values.steps]
    elif values.steps:
        reason = f"{trained.cell.learner} has no inner loop, so there are no steps to take."
        result.append(Variation("inner steps", "any", own, count, reason))
    result += [
        Variation(
            TOGETHER, f"{queries}, {mode}, {size}", own._replace(queries=queries, batch_norm=mode, ensemble=size), count
        )
        for queries in values.queries
        for mode in BATCH_NORMS
        for size in values.ensemble or (own.ensemble,)
    ]
    return [one if one.reason else one._replace(reason=_why_not(trained, one)) for one in result]


def _why_not(trained: TrainedCell, one: Variation) -> str:
    """A sentence that says why a protocol is impossible; empty if it is possible."""
    if one.protocol.ensemble > len(trained.members):
        kept = counted(len(trained.members), "validated epoch")
        return f"No ensemble of {one.protocol.ensemble}: the cell kept {kept}."
    evaluation = replace(
        trained.cell.evaluation, queries=one.protocol.queries, inner_steps=one.protocol.steps, tasks=one.tasks
    )
    return " ".join(value_faults(replace(trained.cell, evaluation=evaluation)))


def passes(trained: TrainedCell, protocol: Protocol) -> int:
    """Approximate cost of one task, in forward passes of one image."""
    support, queries = (trained.cell.ways * images for images in (trained.cell.shots, protocol.queries))
    steps = protocol.steps if trained.learner.traits.inner_loop else 0
    asked = queries if protocol.batch_norm == "transductive" else queries * (support + 1)
    return protocol.ensemble * (BACKWARD * steps * support + asked)
