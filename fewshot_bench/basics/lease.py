"""One process at a time in a folder, on however many machines that share it.

filelock's SoftFileLease: a file names process and machine, and its owner touches it while it lives. On one machine a
dead owner is seen at once; on another it is one whose file was not touched for `DURATION` by the onlooker's own clock,
which nobody sets. Locks of the system (flock) would not do: file systems that machines share may keep them to one.

filelock replaces a dead owner's file by exchanging two names, which NFS and the like refuse, and an empty file never
(its owner's machine went down before it was written). What stood still so long is set aside here then.
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
SECONDS_BETWEEN_LOOKS = 1.0


class OthersError(BenchError):
    """Somebody else has the folder."""


class TakenOverError(OthersError):
    """Somebody else took the folder over while one had it, and everything in it is theirs."""

    def __init__(self, text: str = "another process took it over, since this one gave no sign for a while") -> None:
        super().__init__(text)


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
def lease(
    folder: Path, say: Callable[[str], None], duration: float = DURATION, stop: Callable[[], bool] = lambda: False
) -> Iterator[Lost]:
    """Has the folder while the block lasts. Raises OthersError where another has it, BenchError where it takes no file.

    say: told of an owner that was found dead. duration: see DURATION; the same for all. stop: called
    regularly while a silent owner is watched; if it returns True, the folder is left to the owner.
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
    """Looks into the file itself at most once a second, so at once where the process stood still for longer.

    Twice, since who looks whether an owner is alive may have its file in hand for a moment.
    """
    mine, looked = marker.token, time.monotonic()

    def lost() -> bool:
        nonlocal looked
        if marker.compromise is not None:
            return True
        if time.monotonic() - looked < SECONDS_BETWEEN_LOOKS:
            return False
        theirs = _token(marker) != mine
        if theirs:
            time.sleep(0.1)
            theirs = _token(marker) != mine
        looked = time.monotonic()
        return theirs

    return lost


def holder(folder: Path) -> Holder | None:
    """Who has the folder, or died in it; None where it is free."""
    found, age = SoftFileLease(folder / LOCK, lease_duration=DURATION).owner, _age(folder)
    if found is None or age is None:
        return None
    return Holder(f"process {found.pid} on {found.hostname.partition('?')[0]}", age)


def _acquire(marker: SoftFileLease, folder: Path, duration: float, stop: Callable[[], bool]) -> None:
    """Takes the lease. Raises Timeout if another process has it, or if `stop()` is true.

    It watches the file for `duration` only where that looks untouched for as long: nobody waits for who is alive.
    """
    try:
        marker.acquire()
    except Timeout:
        if 0 <= (_age(folder) or 0) < duration:
            raise
        with suppress(Timeout):
            marker.acquire(timeout=duration / 20)  # for a file that names nobody
            return
        _set_aside(folder / LOCK, _still_for(folder / LOCK, duration, stop))
        marker.acquire()


def _still_for(path: Path, duration: float, stop: Callable[[], bool]) -> tuple[int, int]:
    """The identity of a file that nobody touched for `duration` seconds from now.

    Raises Timeout if somebody touched it, or if `stop()` is true.
    """
    begun, before = time.monotonic(), _which(path)
    while time.monotonic() - begun < duration:
        if stop():
            raise Timeout(str(path))
        time.sleep(duration / 20)
        if _which(path) != before:
            raise Timeout(str(path))
    return before


def _set_aside(path: Path, judged: tuple[int, int]) -> None:
    """Removes the file, if it is the one that was judged; a newer one that somebody made meanwhile is put back."""
    aside = path.with_name(f"{path.name}-{uuid.uuid4().hex}.gone")
    with suppress(FileNotFoundError):
        if _which(path) == judged:
            path.rename(aside)
            if _which(aside) != judged:
                with suppress(FileExistsError):
                    path.hardlink_to(aside)
            aside.unlink()


def _which(path: Path) -> tuple[int, int]:
    """A file, and when it was touched last: numbers of files are used again."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def _token(marker: SoftFileLease) -> str | None:
    found = marker.owner
    return None if found is None else found.token


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
