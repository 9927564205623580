"""One process at a time in a folder, whatever dies, stands still or has a wrong clock."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fewshot_bench.basics import lease as leases
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.lease import LOCK, OthersError, holder, lease

DURATION = 0.6  # seconds

ELSEWHERE = "filelock/2\npid=4321\nhost=node7\nmode=lease\ntoken=abc\nduration={duration}\n"

HOLDER = """
import sys, time
from multiprocessing import get_context
from pathlib import Path
from fewshot_bench.basics.lease import lease
with lease(Path(sys.argv[1]), print):
    child = get_context("fork").Process(target=time.sleep, args=(5,))  # as the workers of a traced program are forked
    child.start()
    print("has it", flush=True)
    time.sleep(60)
"""


def silent(text: str) -> None:
    raise AssertionError(text)


def elsewhere(folder: Path, age: float = 0.0) -> Path:
    """A process of another machine has the folder, and touched its file `age` seconds ago."""
    path = folder / LOCK
    path.write_text(ELSEWHERE.format(duration=DURATION))
    path.chmod(0o444)
    moved = time.time() - age
    os.utime(path, (moved, moved))
    return path


class Clock:
    """What time is it: it moves on while somebody sleeps, and only then, so that no test waits or is late.

    meanwhile: what others do while somebody sleeps.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)  # less might be lost in rounding, and nobody would ever be through
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """This process's clock, filelock's too."""
    made = Clock()
    monkeypatch.setattr(time, "sleep", made.sleep)
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: made.now)
    return made


def touching(path: Path) -> Callable[[], None]:
    """What a living owner does. Each time another time, since clocks of file systems are coarse."""
    moments = iter(range(10**18, 2 * 10**18, 10**9))
    return lambda: os.utime(path, ns=(next(moments),) * 2)


def test_the_folder_says_who_has_it_and_no_more_when_it_is_free(tmp_path):
    with lease(tmp_path, silent) as lost:
        assert holder(tmp_path).words.startswith(f"process {os.getpid()} on ")
        assert holder(tmp_path).alive
        assert not lost()
    assert holder(tmp_path) is None
    with lease(tmp_path, silent):
        pass


def test_two_processes_never_have_it_at_once_and_a_dead_one_has_it_no_more(tmp_path):
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "has it\n"
        says = rf"another process is running it \(process {process.pid} on "
        with pytest.raises(OthersError, match=says), lease(tmp_path, silent):
            pass
        process.kill()
        process.wait()
        said = []
        with lease(tmp_path, said.append):
            pass
        assert len(said) == 1
        assert said[0].startswith(f"process {process.pid} on ")
        assert said[0].endswith("had it and is gone: taken over")


def test_one_on_another_machine_that_gave_a_sign_is_left_alone_without_waiting(tmp_path, clock):
    elsewhere(tmp_path)
    begun = clock.now
    with pytest.raises(OthersError, match="process 4321 on node7"), lease(tmp_path, silent, 1000 * DURATION):
        pass
    assert clock.now == begun


@pytest.mark.parametrize("age", [2 * DURATION, 3.6e6, -3.6e6], ids=["long ago", "clock put on", "clock set back"])
def test_one_on_another_machine_that_gives_no_sign_is_replaced(tmp_path, age, clock):
    elsewhere(tmp_path, age)
    said, begun = [], clock.now
    with lease(tmp_path, said.append, DURATION):
        assert clock.now - begun > 0.99 * DURATION
        assert holder(tmp_path).words.startswith(f"process {os.getpid()}")
    assert said == ["process 4321 on node7 had it and is gone: taken over"]


def test_a_clock_that_jumps_takes_a_folder_from_nobody(tmp_path, clock):
    """Its file looks a thousand hours old, and it goes on touching it."""
    path = elsewhere(tmp_path, 3.6e6)
    clock.meanwhile = touching(path)
    with pytest.raises(OthersError, match="process 4321 on node7"), lease(tmp_path, silent, DURATION):
        pass


def test_who_lost_the_folder_is_told_and_leaves_the_new_owner_in_peace(tmp_path, clock):
    with lease(tmp_path, silent, DURATION) as lost:
        (tmp_path / LOCK).unlink()
        path = elsewhere(tmp_path)
        clock.sleep(leases.SECONDS_BETWEEN_CHECKS)
        assert lost()
    assert path.read_text() == ELSEWHERE.format(duration=DURATION)


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot write"), lease(tmp_path / "file" / "cell", silent):
        pass


@pytest.mark.parametrize("content", [ELSEWHERE.format(duration=DURATION), ""], ids=["dead", "empty"])
def test_where_names_cannot_be_exchanged_a_dead_owner_is_replaced_too(tmp_path, monkeypatch, content, clock):
    """As on NFS. An empty file is what a machine leaves that goes down at the wrong moment."""
    monkeypatch.setattr("filelock._soft.exchange_names", lambda *unused: False)
    path = elsewhere(tmp_path, 10 * DURATION)
    path.chmod(0o644)
    path.write_text(content)
    os.utime(path, (1e9, 1e9))
    with lease(tmp_path, print, DURATION) as lost:
        assert holder(tmp_path).words.startswith(f"process {os.getpid()}")
        assert not lost()
    assert not list(tmp_path.iterdir())


def test_a_living_owner_is_not_set_aside_where_names_cannot_be_exchanged(tmp_path, monkeypatch, clock):
    monkeypatch.setattr("filelock._soft.exchange_names", lambda *unused: False)
    path = elsewhere(tmp_path, 3.6e6)
    clock.meanwhile = touching(path)
    with pytest.raises(OthersError, match="process 4321 on node7"), lease(tmp_path, silent, DURATION):
        pass
    assert path.exists()


def test_who_set_a_newer_file_aside_puts_it_back(tmp_path, monkeypatch):
    path = elsewhere(tmp_path)
    judged = leases._identity(path)
    answers = iter([judged])  # it is replaced between the look and the rename
    real = leases._identity
    monkeypatch.setattr(leases, "_identity", lambda path: next(answers, None) or real(path))
    path.unlink()
    path = elsewhere(tmp_path, age=5)
    content, which = path.read_text(), real(path)
    leases._remove_if_same(path, judged)
    assert (path.read_text(), real(path)) == (content, which)
    assert [one.name for one in tmp_path.iterdir()] == [LOCK]


def test_who_stood_still_sees_at_once_that_another_has_it(tmp_path, clock):
    """As after SIGSTOP: the thread that touches the file has not looked yet."""
    with lease(tmp_path, silent) as lost:
        (tmp_path / LOCK).unlink()
        elsewhere(tmp_path)
        clock.now += 90
        assert lost()
