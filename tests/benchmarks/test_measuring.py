"""Turns, comparisons and what becomes of those who cannot or may not go on, with workers that only pretend."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.measuring import Effort, Mode
from benchmarks.processes import Worker, process
from benchmarks.settings import Setting

CHECKOUT = Path(__file__).resolve().parents[2]
SETTING = Setting("vgg", "omniglot", 5, 1, "sgd", tasks=8)
MODES = [Mode("ours", 1, 2), Mode("higher", 1, 2), Mode("higher", 2, 1)]


def pretending(replies, asked):
    """A `start` whose workers answer "step" by replies(where) -> seconds, loss; what was stepped goes to `asked`."""
    clock = [0.0]

    def start(threads):
        own, waiting = {}, []

        def ask(request):
            reply = {"how": "somehow", "error": 0.0}
            if request["do"] == "prepare":
                own["where"] = request["where"]
            if request["do"] == "step":
                asked.append((own["where"].split(":")[0].rsplit(".", 1)[1], threads))
                reply = replies(own["where"])
                if "failed" not in reply:
                    begun = clock[0]
                    clock[0] += reply.pop("seconds")
                    reply = {"begun": begun, "ended": clock[0], **reply}
            waiting.append(reply)

        return Worker(ask, lambda: waiting.pop(0), lambda: asked.append("stopped"))

    return start


def test_each_takes_its_turn_in_every_round():
    asked = []
    start = pretending(lambda where: {"seconds": 2.0, "loss": 1.0}, asked)
    results = measuring.timed(SETTING, MODES, Effort(rounds=2), start)
    turn = [("ours", 2), ("higher_maml", 2), ("higher_maml", 1), ("higher_maml", 1)]
    assert asked == turn * 3 + ["stopped"] * 4
    assert [result.seconds for result in results] == [(2.0, 2.0), (2.0, 2.0), (4.0, 4.0)]  # these two do not overlap
    assert [result.rate for result in results] == [4.0, 4.0, 2.0]


def test_a_loss_that_differs_is_not_timed():
    start = pretending(lambda where: {"seconds": 1.0, "loss": 1.0 if "ours" in where else 1.0001}, [])
    ours, *others = measuring.timed(SETTING, MODES, Effort(rounds=1, tolerance=1e-5), start)
    assert ours.seconds
    assert all("its loss is 1.0001" in other.reason and math.isnan(other.rate) for other in others)


def test_what_fails_or_takes_too_long_says_so_and_the_others_go_on():
    def replies(where):
        return {"failed": "no room"} if "ours" in where else {"seconds": 50.0, "loss": 1.0}

    ours, whole, halves = measuring.timed(SETTING, MODES, Effort(rounds=3, budget=60.0), pretending(replies, []))
    assert (ours.reason, ours.seconds) == ("no room", ())
    assert whole.seconds == (50.0, 50.0)  # the second round begins within the budget, the third does not
    assert "over budget" in halves.reason


def test_tasks_that_cannot_be_shared_are_not():
    start = pretending(lambda where: {"seconds": 1.0, "loss": 1.0}, [])
    results = measuring.timed(SETTING._replace(tasks=1), MODES, Effort(rounds=1), start)
    assert [bool(result.seconds) for result in results] == [True, True, False]


def test_the_package_is_alone_and_others_share_the_tasks_too():
    assert measuring.modes(["ours", "higher"], threads=2, processes=2) == MODES


PEAK = """
from benchmarks.peak import Peak
before = bytearray(32 * 2**20)
with Peak("cpu") as found:
    bytearray(b"\\1" * (32 * 2**20))[0] = 2
print(found.mebibytes)
"""


def test_a_peak_is_above_what_there_was():
    """In a process of its own: memory that others freed and kept would do, and be no peak."""
    done = subprocess.run([sys.executable, "-c", PEAK], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(64, abs=8)  # the pattern and its copy


def test_a_process_says_what_is_wrong():
    worker = process(threads=1)
    worker.ask({"do": "prepare", "where": "nowhere:maml", "setting": SETTING._asdict(), "share": (0, 1)})
    assert "No module named 'nowhere'" in worker.hear()["failed"]
    worker.stop()


def test_of_a_process_that_ended_its_code_is_told(monkeypatch):
    monkeypatch.setattr("sys.executable", "false")
    worker = process(threads=1)
    worker.ask({"do": "step"})
    assert "ended with code 1" in worker.hear()["failed"]
    worker.stop()
