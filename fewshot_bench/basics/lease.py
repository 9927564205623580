"""Leases of folders: one process at a time works in a folder, on all machines that share it.

A lease is filelock's SoftFileLease: a file that names process and machine, and that its owner touches while it lives.
On the same machine a dead owner is recognised at once. On another machine, an owner is dead if its file was not touched
for `DURATION`, by the waiting process's own monotonic clock. System locks (flock) do not work here: shared file systems
may restrict them to one machine.

filelock replaces a dead owner's file by exchanging two names, which NFS and the like refuse. It never replaces an empty
file, which is left if the owner's machine went down before it was written. In both cases this module removes the file.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import cannot_write

LOCK = ".lease"

DURATION = 60.0  # seconds; the file is touched every third of it
SECONDS_BETWEEN_CHECKS = 1.0


class OthersError(BenchError):
    """Another process has the folder."""


class TakenOverError(OthersError):
    """Another process took the folder over while this one had it; everything in it is theirs."""

    def __init__(self, text: str = "another process took it over, since this one gave no sign for a while") -> None:
        super().__init__(text)


class Holder(NamedTuple):
    """The owner of a folder, alive or dead. words: process and machine. age: seconds since its last touch, by the clock
    of the folder's file system.
    """

    words: str
    age: float

    @property
    def alive(self) -> bool:
        """Whether it touched the file within DURATION, if the clock is right."""
        return self.age < DURATION


Lost = Callable[[], bool]
"""lost(): whether another process took the folder over, or the lease file was removed."""


@contextmanager
def lease(
    folder: Path, say: Callable[[str], None], duration: float = DURATION, stop: Callable[[], bool] = lambda: False
) -> Iterator[Lost]:
    """Hold the lease of a folder while the block lasts.

    Args:
        folder: The folder.
        say: Called with a sentence if a dead owner was replaced.
        duration: Seconds without a touch after which an owner counts as dead; the same for all processes.
        stop: Called regularly while a silent owner is watched. If it returns True, the folder is left to the owner.

    Yields:
        A function that says whether the lease was lost meanwhile.

    Raises:
        OthersError: If another process holds the lease.
        BenchError: If the folder cannot be written.
    """
    marker = SoftFileLease(folder / LOCK, lease_duration=duration, thread_local=False, timeout=0)
    before = holder(folder)
    try:
        _acquire(marker, folder, duration, stop)
    except (Timeout, LeaseSettingsMismatch):
        now = holder(folder)
        raise OthersError(f"another process is running it{f' ({now.words})' if now else ''}") from None
    except OSError as error:
        raise cannot_write(folder / LOCK, error) from error
    try:
        if before is not None:
            say(f"{before.words} had it and is gone: taken over")
        yield _lost(marker)
    finally:
        marker.release()


def _lost(marker: SoftFileLease) -> Lost:
    """A function that reads the lease file at most once a second.

    A foreign token is read twice, since a process that checks whether an owner is alive may hold its file for a moment.
    """
    mine, checked = marker.token, time.monotonic()

    def lost() -> bool:
        nonlocal checked
        if marker.compromise is not None:
            return True
        if time.monotonic() - checked < SECONDS_BETWEEN_CHECKS:
            return False
        theirs = _token(marker) != mine
        if theirs:
            time.sleep(0.1)
            theirs = _token(marker) != mine
        checked = time.monotonic()
        return theirs

    return lost


def holder(folder: Path) -> Holder | None:
    """The owner of the folder, alive or dead; None if there is none."""
    found, age = SoftFileLease(folder / LOCK, lease_duration=DURATION).owner, _age(folder)
    if found is None or age is None:
        return None
    return Holder(f"process {found.pid} on {found.hostname.partition('?')[0]}", age)


def _acquire(marker: SoftFileLease, folder: Path, duration: float, stop: Callable[[], bool]) -> None:
    """Take the lease. Raises Timeout if another process has it, or if `stop()` is true.

    Only a file that seems untouched for `duration` is watched for as long: nobody waits for a live owner.
    """
    try:
        marker.acquire()
    except Timeout:
        if 0 <= (_age(folder) or 0) < duration:
            raise
        with suppress(Timeout):
            marker.acquire(timeout=duration / 20)  # for a file that names nobody
            return
        _remove_if_same(folder / LOCK, _unchanged_for(folder / LOCK, duration, stop))
        marker.acquire()


def _unchanged_for(path: Path, duration: float, stop: Callable[[], bool]) -> tuple[int, int]:
    """The identity of a file that nobody touched for `duration` seconds from now.

    Raises Timeout if somebody touched it, or if `stop()` is true.
    """
    begun, before = time.monotonic(), _identity(path)
    while time.monotonic() - begun < duration:
        if stop():
            raise Timeout(str(path))
        time.sleep(duration / 20)
        if _identity(path) != before:
            raise Timeout(str(path))
    return before


def _remove_if_same(path: Path, judged: tuple[int, int]) -> None:
    """Remove the file if it is still the one that was judged; a newer one is put back."""
    aside = path.with_name(f"{path.name}-{uuid.uuid4().hex}.gone")
    with suppress(FileNotFoundError):
        if _identity(path) == judged:
            path.rename(aside)
            if _identity(aside) != judged:
                with suppress(FileExistsError):
                    path.hardlink_to(aside)
            aside.unlink()


def _identity(path: Path) -> tuple[int, int]:
    """Inode and modification time of a file; inodes alone are reused."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def _token(marker: SoftFileLease) -> str | None:
    found = marker.owner
    return None if found is None else found.token


def _age(folder: Path) -> float | None:
    """Seconds since the file was touched, by the folder's clock; None if there is no file."""
    try:
        touched = (folder / LOCK).stat().st_mtime
    except OSError:
        return None
    return _now(folder) - touched


def _now(folder: Path) -> float:
    """The time by the clock that stamps the folder's files; this machine's clock if it cannot be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b" ")
            probe.flush()
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()
