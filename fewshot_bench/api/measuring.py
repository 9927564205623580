"""A loaded cell is measured by many protocols, one after another; each result is written down as it is found."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fewshot_bench.api import measurements
from fewshot_bench.api.evaluating import Score, right_answers, scorer
from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.measurements import FILE, Measured, Measurements
from fewshot_bench.api.protocols import Protocol, own_protocol
from fewshot_bench.api.variations import passes
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.evaluation import CHUNK
from fewshot_bench.training.plan import as_planned

SECONDS_BETWEEN_WRITES = 10.0

Say = Callable[[str], None]


class Job(NamedTuple):
    """A protocol, and the number of test tasks to measure it on, counted from the first."""

    protocol: Protocol
    tasks: int


class Outcome(NamedTuple):
    """measured: what is known so far; failed: why a protocol could not be carried out, in words."""

    measured: Measurements
    failed: Mapping[Protocol, str]


def measure(
    trained: TrainedCell, pool: Pool, jobs: Sequence[Job], say: Say, found: Callable[[Outcome], object]
) -> Outcome:
    """Does each job, less what sensitivity.json has already; the first is the cell's own protocol.

    say: told first how long it will take, then a line a job; found: given all there is, after each. The own protocol's
    fault is raised; another's becomes the reason of its rows.
    """
    own, known, failed = own_protocol(trained), measurements.read(trained), dict[Protocol, str]()
    with as_planned(trained.plan):
        as_tested = scorer(trained, pool, own)
        _extend(trained, as_tested, Job(own, min(2 * CHUNK, jobs[0].tasks)), known)  # its second chunk tells the time
        say(_announced(trained, jobs, known))
        for job in jobs:
            had = len(known.get(job.protocol, Measured()).right)
            if had >= job.tasks:
                continue
            try:
                score = as_tested if job.protocol == own else scorer(trained, pool, job.protocol)
                _extend(trained, score, job, known)
            except Exception as error:
                if job.protocol == own:
                    raise
                what = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
                failed[job.protocol] = what.splitlines()[0]
            say(_line(trained, job.protocol, known.get(job.protocol, Measured()), failed.get(job.protocol, "")))
            found(Outcome(known, failed))
    return Outcome(known, failed)


def _extend(trained: TrainedCell, score: Score, job: Job, known: dict[Protocol, Measured]) -> None:
    """Adds tasks to what is `known` of a protocol, and writes it down now and then."""
    protocol, count = job
    had, written = len(known.get(protocol, Measured()).right), time.monotonic()
    for first in range(had, count, CHUNK):
        before, end, begun = known.get(protocol, Measured()), min(first + CHUNK, count), time.monotonic()
        right = right_answers(score(first, end), protocol, trained.cell.ways)
        took = (time.monotonic() - begun) / (end - first)
        making = first == had and end < count  # the first chunk also makes the program
        known[protocol] = Measured(before.right + tuple(right), before.pace if making else took)
        if end == count or time.monotonic() - written > SECONDS_BETWEEN_WRITES:
            measurements.write(trained, known)
            written = time.monotonic()


def _announced(trained: TrainedCell, jobs: Sequence[Job], known: Measurements) -> str:
    """How long the rest will take, at the pace of the own protocol and by what passes the network."""
    own, most = own_protocol(trained), dict[Protocol, int]()
    for protocol, count in jobs:
        most[protocol] = max(count, most.get(protocol, 0))
    left = {one: max(0, count - len(known.get(one, Measured()).right)) for one, count in most.items()}
    if not any(left.values()):
        return f"All of it is in {trained.folder / FILE} already."
    a_pass = known[own].pace / passes(trained, own)
    seconds, tasks = sum(count * a_pass * passes(trained, one) for one, count in left.items()), sum(left.values())
    return (
        f"{counted(tasks, 'task')} to evaluate, roughly {_duration(seconds)}. What is found is written to "
        f"{trained.folder / FILE} at once; the same command goes on from there."
    )


def _line(trained: TrainedCell, protocol: Protocol, found: Measured, reason: str) -> str:
    queries, mode, ensemble, steps = protocol
    what = f"queries {queries}, {mode}, ensemble {ensemble}, inner steps {steps}"
    if reason:
        return f"{what}: {reason}"
    accuracy = 100 * sum(found.right) / len(found.right) / (trained.cell.ways * queries)
    return f"{what}: {accuracy:.2f} % on {counted(len(found.right), 'task')}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return counted(round(seconds / 60), "minute") if seconds < 5400 else f"{seconds / 3600:.1f} hours"
