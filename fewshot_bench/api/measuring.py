"""Measure a loaded cell by many protocols. Each result is written to sensitivity.json at once, task by task."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fewshot_bench.api.evaluating import Score, right_answers, scorer
from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.protocols import Protocol, own_protocol, passes
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_text
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.evaluation import CHUNK
from fewshot_bench.training.plan import as_planned

FILE = "sensitivity.json"  # in the cell's folder
SECONDS_BETWEEN_WRITES = 10.0

Say = Callable[[str], None]


class Measured(NamedTuple):
    """Results of one protocol. right: correctly classified queries of each task. pace: seconds per task."""

    right: tuple[int, ...] = ()
    pace: float = 0.0


Measurements = Mapping[Protocol, Measured]


class Request(NamedTuple):
    """A protocol, and the number of test tasks to measure it on, from the first."""

    protocol: Protocol
    tasks: int


class Answers(NamedTuple):
    """measured: the results so far. failed: protocol -> why it could not be measured."""

    measured: Measurements
    failed: Mapping[Protocol, str]


def measure(
    trained: TrainedCell, pool: Pool, jobs: Sequence[Request], say: Say, report: Callable[[Answers], object]
) -> Answers:
    """Do each job, except what sensitivity.json has already. The first job is the cell's own protocol.

    Args:
        trained: The loaded cell.
        pool: The images.
        jobs: The protocols and numbers of tasks.
        say: Called with the expected duration, then with one line per job.
        report: Called with all results so far after each job.

    Returns:
        All results. An error of the cell's own protocol is raised; another protocol's becomes its entry in `failed`.
    """
    own, known, failed = own_protocol(trained), read_measurements(trained), dict[Protocol, str]()
    with as_planned(trained.plan):
        as_tested = scorer(trained, pool, own)
        _extend(
            trained, as_tested, Request(own, min(2 * CHUNK, jobs[0].tasks)), known
        )  # its second chunk gives the pace
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
            report(Answers(known, failed))
    return Answers(known, failed)


def _extend(trained: TrainedCell, score: Score, job: Request, known: dict[Protocol, Measured]) -> None:
    """Measure more tasks of a protocol, add them to `known`, and write the file now and then."""
    protocol, count = job
    had, written = len(known.get(protocol, Measured()).right), time.monotonic()
    for first in range(had, count, CHUNK):
        before, end, begun = known.get(protocol, Measured()), min(first + CHUNK, count), time.monotonic()
        right = right_answers(score(first, end), protocol, trained.cell.ways)
        took = (time.monotonic() - begun) / (end - first)
        making = first == had and end < count  # the first chunk includes building the program
        known[protocol] = Measured(before.right + tuple(right), before.pace if making else took)
        if end == count or time.monotonic() - written > SECONDS_BETWEEN_WRITES:
            write_measurements(trained, known)
            written = time.monotonic()


def _announced(trained: TrainedCell, jobs: Sequence[Request], known: Measurements) -> str:
    """A sentence with the expected duration, from the pace of the own protocol and the cost of the others."""
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


def read_measurements(trained: TrainedCell) -> dict[Protocol, Measured]:
    """The results of an earlier call on the same weights; empty if the file is damaged or of other weights."""
    try:
        content = json.loads((trained.folder / FILE).read_text(encoding="utf-8"))
        if {key: content[key] for key in _identity(trained)} != _identity(trained):
            return {}
        return dict(map(_read_one, content["measured"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_measurements(trained: TrainedCell, measured: Measurements) -> None:
    """Write the file whole or not at all. Raises BenchError if the folder cannot be written."""
    rows = [protocol._asdict() | found._asdict() for protocol, found in measured.items()]
    lines = ",\n".join(f" {json.dumps(row)}" for row in rows)
    head = json.dumps(_identity(trained), indent=1)[:-2]
    write_text(trained.folder / FILE, f'{head},\n "measured": [\n{lines}\n]}}\n')


def _identity(trained: TrainedCell) -> dict[str, Any]:
    """What was measured: the cell, its checkpoints (whose names hold hashes), and the device."""
    return {"cell": trained.cell.id, "checkpoints": list(trained.files), "device": trained.plan.device}


def _read_one(row: dict[str, Any]) -> tuple[Protocol, Measured]:
    protocol = Protocol(*(row[name] for name in Protocol._fields))
    right = row["right"]
    if not all(type(number) is int for number in right):
        raise ValueError("a count of right answers is no whole number")
    return protocol, Measured(tuple(right), float(row["pace"]))
