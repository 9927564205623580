"""One process at a time in a folder, on however many machines that share it.

filelock's SoftFileLease: a file names process and machine, and its owner touches it while it lives. On one machine a
dead owner is seen at once; on another it is one whose file was not touched for `DURATION` by the onlooker's own clock,
which nobody sets. Locks of the system (flock) would not do: file systems that machines share may keep them to one.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import cannot_write

LOCK = ".lease"

DURATION = 60.0  # seconds; the file is touched every third of it


class OthersError(BenchError):
    """Somebody else has the folder."""


class Holder(NamedTuple):
    """Who has a folder, or had it and died. age: seconds since the last touch, by the folder's own clock."""

    words: str
    age: float

    @property
    def alive(self) -> bool:
        """As far as the clock can be believed."""
        return self.age < DURATION


Lost = Callable[[], bool]
"""Whether somebody else took the folder over, or the file went, while one had it."""


@contextmanager
def lease(folder: Path, say: Callable[[str], None], duration: float = DURATION) -> Iterator[Lost]:
    """Has the folder while the block lasts. Raises OthersError where another has it, BenchError where it takes no file.

    say: told of an owner that was found dead. duration: see DURATION; the same for all.
    """
    marker = SoftFileLease(folder / LOCK, lease_duration=duration, thread_local=False, timeout=0)
    before = holder(folder)
    try:
        _acquire(marker, folder, duration)
    except (Timeout, LeaseSettingsMismatch):
        now = holder(folder)
        raise OthersError(f"another process is running it{f' ({now.words})' if now else ''}") from None
    except OSError as error:
        raise cannot_write(folder / LOCK, error) from error
    try:
        if before is not None:
            say(f"{before.words} had it and is gone: taken over")
        yield lambda: marker.compromise is not None
    finally:
        marker.release()


def holder(folder: Path) -> Holder | None:
    """Who has the folder, or died in it; None where it is free."""
    found, age = SoftFileLease(folder / LOCK, lease_duration=DURATION).owner, _age(folder)
    if found is None or age is None:
        return None
    return Holder(f"process {found.pid} on {found.hostname.partition('?')[0]}", age)


def _acquire(marker: SoftFileLease, folder: Path, duration: float) -> None:
    """Takes the lease. Raises Timeout where another has it.

    It watches the file for `duration` only where that looks untouched for as long: nobody waits for who is alive.
    """
    try:
        marker.acquire()
    except Timeout:
        if 0 <= (_age(folder) or 0) < duration:
            raise
        marker.acquire(timeout=2 * duration)


def _age(folder: Path) -> float | None:
    """Seconds since the file was touched, by the folder's clock; None where there is none."""
    try:
        touched = (folder / LOCK).stat().st_mtime
    except OSError:
        return None
    return _now(folder) - touched


def _now(folder: Path) -> float:
    """The time by the clock that stamps the folder's files; this machine's where the folder takes none."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b" ")
            probe.flush()
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()
