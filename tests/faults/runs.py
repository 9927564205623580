"""Runs that are killed, and what they leave."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.tiny import tiny_toml

CHECKOUT = Path(__file__).resolve().parents[2]


def grid_of(*learners: str, seeds: tuple[int, ...] = (0,)) -> str:
    """A grid file of cells with several epochs, each a place to be killed at."""
    axes = {"learner": list(learners), "inner_optimizer": ["adam"], "seed": list(seeds)}
    return tiny_toml(grid=axes, training={"iterations": 12, "iterations_per_epoch": 2}, evaluation={"tasks": 6})


KEPT = ("result.json", "metrics.jsonl", "hyperparameters.parquet", "episodes.parquet", "config.toml")


class Ended(NamedTuple):
    """status: exit status, or minus the signal that ended it; output: what it printed; seconds: of processor time."""

    status: int
    output: str
    seconds: float


class Forker:
    """The preloaded process. `run` waits for a run, which is killed after some processor time where told so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.preloaded"],
            cwd=CHECKOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: list[object], kill_after: float | None = None, before: str = "") -> Ended:
        output = self._folder / "output.txt"
        told = {"words": [str(word) for word in words], "output": str(output), "before": before}
        print(json.dumps(told | {"kill_after": kill_after}), file=self._process.stdin, flush=True)
        status, seconds = json.loads(self._process.stdout.readline())
        return Ended(status, output.read_text(errors="replace"), seconds)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(600)
        self._process.stdout.close()


@contextmanager
def forker(folder: Path) -> Iterator[Forker]:
    made = Forker(folder)
    try:
        yield made
    finally:
        made.close()


def left(out: Path) -> dict[str, bytes]:
    """The files of a finished run that have to be the same bytes however it got there."""
    return {str(path.relative_to(out)): path.read_bytes() for name in KEPT for path in out.glob(f"cells/*/{name}")}


def believed(out: Path) -> set[str]:
    """Cells whose status says done."""
    states = {path.parent.name: path.read_text() for path in out.glob("cells/*/status.json")}
    return {name for name, text in states.items() if text and json.loads(text)["status"] == "done"}


def killed(made: Forker, words: list[object], out: Path, kills: int, seconds: float, draw: Random) -> list[str]:
    """Starts a run again and again, each killed after a random time up to `seconds`, until `kills` hit or it ended.

    Returns what each kill hit, as the folder says.
    """
    hit: list[str] = []
    while len(hit) < kills:
        ended = made.run([*words, "--out", out], kill_after=draw.uniform(0, seconds))
        if ended.status != -signal.SIGPROF:
            assert ended.status == 0, ended.output
            break
        hit.append(_moment(out))
    return hit


def _moment(out: Path) -> str:
    """How far it had come, as the folder says."""
    names = [path.name.split("-") for path in out.glob("cells/*/checkpoints/*.safetensors")]
    steps = sorted(int(number) for kind, number, _ in names if kind == "step")
    torn = len(list(out.glob("cells/**/.*.part")))
    return f"{len(believed(out))} cells done; checkpoints at {steps or 'none'}, {torn} files half written"
