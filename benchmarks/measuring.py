"""Contenders measured side by side: in each round every one does its meta-step, and only one works at a time."""

import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.libraries import CONTENDERS
from benchmarks.processes import Start, Worker
from benchmarks.settings import Setting
from fewshot_bench.basics.counting import counted


class Mode(NamedTuple):
    """A contender in so many processes, each with its equal part of the tasks and so many threads."""

    contender: str
    processes: int
    threads: int


class Timed(NamedTuple):
    """seconds: of each meta-step after the first. gradient_error: relative to the first contender's gradient.

    loss: in the precision that losses are compared in. how: in the contender's words, where it had a choice. reason:
    why there are no seconds; empty where there are.
    """

    setting: Setting
    mode: Mode
    seconds: tuple[float, ...] = ()
    first: float = math.nan
    loss: float = math.nan
    gradient_error: float = math.nan
    how: str = ""
    reason: str = ""

    @property
    def rate(self) -> float:
        """Tasks a second, of all replicas; nan where there are no seconds."""
        tasks = self.setting.tasks * self.setting.replicas
        return tasks / median(self.seconds) if self.seconds else math.nan


class Effort(NamedTuple):
    """rounds: at most so many; budget: seconds for one contender in one mode, after which it takes no further round.

    tolerance: how far losses may be from the first contender's, relative; compared_in: the precision they are
    compared in, by a meta-step of its own where time is taken in another. Two float32 programs for the same network may
    differ by more than 1e-5 where a pixel is on a kink; in float64 that takes other programs.
    """

    rounds: int = 5
    budget: float = 60.0
    tolerance: float = 1e-5
    compared_in: str = "float32"


def modes(names: Sequence[str], threads: int, processes: int) -> list[Mode]:
    """Each in one process with all threads; other libraries in several with one thread each, too."""
    found = []
    for name in names:
        found.append(Mode(name, 1, threads))
        if processes > 1 and not CONTENDERS[name].ours:
            found.append(Mode(name, processes, 1))
    return found


def timed(setting: Setting, modes: Sequence[Mode], effort: Effort, start: Start) -> list[Timed]:
    """The same meta-step by all, interleaved, in processes that live as long. The first answer is the reference."""
    with _teams(modes, start) as teams, tempfile.TemporaryDirectory() as folder:
        results: list[Timed] = []
        for mode in modes:
            _say(f"{setting.words}: {mode.contender} x{mode.processes}, first step")
            reference = next((result for result in results if not result.reason), None)
            results.append(_first(setting, mode, teams[mode], effort, reference, Path(folder) / "gradient.pt"))
        for number in range(effort.rounds):
            for index, result in enumerate(results):
                if not result.reason and (not result.seconds or sum(result.seconds) < effort.budget):
                    _say(f"{setting.words}: {result.mode.contender} x{result.mode.processes}, round {number + 1}")
                    results[index] = _again(result, teams[result.mode])
        return results


def peak(setting: Setting, contender: str, threads: int, start: Start) -> dict[str, Any]:
    """Mebibytes on top of what a fresh process had before the meta-step, or why not: {"mebibytes"} or {"failed"}."""
    _say(f"{setting.words}, {counted(setting.steps, 'step')}: memory of {contender}")
    worker = start(threads)
    worker.ask({"do": "peak", "where": CONTENDERS[contender].where, "setting": setting._asdict()})
    try:
        return worker.hear()
    finally:
        worker.stop()


@contextmanager
def _teams(modes: Sequence[Mode], start: Start) -> Iterator[dict[Mode, list[Worker]]]:
    teams = {mode: [start(mode.threads) for _ in range(mode.processes)] for mode in modes}
    try:
        yield teams
    finally:
        for team in teams.values():
            for worker in team:
                worker.stop()


def _first(
    setting: Setting, mode: Mode, team: list[Worker], effort: Effort, reference: Timed | None, path: Path
) -> Timed:
    """The step that nobody counts: kernels are chosen, programs made, and the answer is compared."""
    without = Timed(setting, mode)
    if setting.tasks % mode.processes:
        return without._replace(
            reason=f"no equal parts of {counted(setting.tasks, 'task')} for {counted(mode.processes, 'process')}"
        )
    answers = setting._replace(precision=effort.compared_in)
    result = _prepared(without, answers, team)
    if not result.reason:
        result = _again(result, team)
    if result.reason:
        return result
    if reference is not None and not math.isclose(result.loss, reference.loss, rel_tol=effort.tolerance):
        return without._replace(reason=f"its loss is {result.loss:.7g}, the first contender's {reference.loss:.7g}")
    if mode.processes == 1:
        team[0].ask({"do": "compare", "path": str(path)})
        result = result._replace(gradient_error=team[0].hear().get("error", math.nan))
    if answers != setting:
        result = _prepared(result._replace(seconds=()), setting, team)
        result = result if result.reason else _again(result, team)
    if result.reason:
        return result
    result = result._replace(first=result.seconds[0], seconds=())
    if result.first > effort.budget:
        return result._replace(reason=f"over budget: the first step took {result.first:.0f} s")
    return result


def _prepared(result: Timed, setting: Setting, team: list[Worker]) -> Timed:
    """Its processes made ready for `setting`, each for its part of the tasks."""
    where = CONTENDERS[result.mode.contender].where
    for index, worker in enumerate(team):
        share = (index, len(team))
        worker.ask({"do": "prepare", "where": where, "setting": setting._asdict(), "share": share})
    replies = [worker.hear() for worker in team]
    reason = _failure(replies)
    return result._replace(reason=reason, how="" if reason else replies[0]["how"])


def _again(result: Timed, team: list[Worker]) -> Timed:
    """One more meta-step; from when the first process begins to when the last is done."""
    for worker in team:
        worker.ask({"do": "step"})
    replies = [worker.hear() for worker in team]
    if _failure(replies):
        return result._replace(seconds=(), reason=_failure(replies))
    seconds = max(reply["ended"] for reply in replies) - min(reply["begun"] for reply in replies)
    loss = sum(reply["loss"] for reply in replies) / len(replies)
    return result._replace(seconds=(*result.seconds, seconds), loss=loss if math.isnan(result.loss) else result.loss)


def _failure(replies: list[dict[str, Any]]) -> str:
    return next((str(reply["failed"]) for reply in replies if "failed" in reply), "")


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:100}", end="", file=sys.stderr, flush=True)
