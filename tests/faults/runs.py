"""Runs that are killed, and what they leave."""

import json
import os
import signal
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.forkclient import ask
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


PROGRAM = """
import signal, sys
from fewshot_bench.cli.main import main
from fewshot_bench.report import plots
plots.plot_new = lambda directory, cells=None: iter(())
exec(sys.argv.pop(1), {})
if seconds := float(sys.argv.pop(1)):
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
sys.exit(main())
"""
"""A run that draws no figures: they come after all results, and take longer than these.

Arguments: Python to execute first; seconds of processor time, of the process's own timer, whose signal nobody catches:
it ends the process between two instructions, as SIGKILL does, on a busy machine at the same place as on an idle one.
"""


class Forker(NamedTuple):
    """Starts runs by the tests' fork server, and waits for each; a run is killed after some processor time if told so.

    socket: the server's. output: the file that takes what a run prints.
    """

    socket: str
    output: Path

    def run(self, words: list[object], kill_after: float = 0, before: str = "") -> Ended:
        words = ["-c", PROGRAM, before, str(kill_after), *map(str, words)]
        with Path(os.devnull).open() as null, self.output.open("w") as output:
            files = (null.fileno(), output.fileno(), output.fileno())
            status, seconds = ask(self.socket, words, os.environ | {"OMP_NUM_THREADS": "1"}, files)
        return Ended(status, self.output.read_text(errors="replace"), seconds)


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
