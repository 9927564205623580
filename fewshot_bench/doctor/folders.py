"""The folders of data and results: room on their disks, and whether locks keep a second run out of the results."""

import errno
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from fewshot_bench.doctor.finding import Finding, size

KEPT_OUT = 3
SECOND = f"""
import sys
from filelock import FileLock, Timeout
try:
    FileLock(sys.argv[1]).acquire(timeout=0)
except Timeout:
    sys.exit({KEPT_OUT})
"""
"""What a second process does: on some network disks only another process shows what a lock is worth."""


def room(about: str, folder: Path, needed: int) -> Finding:
    """Whether the disk of a folder, which may not exist yet, has so many bytes free."""
    near = nearest(folder)
    free = shutil.disk_usage(near).free
    if free < needed:
        says = f"{size(free)} free on the disk of {near}, where about {size(needed)} will be written"
        return Finding("fault", about, says, "free some space, or choose a folder on another disk")
    wanted = f"; about {size(needed)} will be written" if needed else ""
    return Finding("ok", about, f"{size(free)} free on the disk of {near}{wanted}")


def locks(folder: Path) -> Iterator[Finding]:
    """Whether files can be made in the results folder, or where it will be, and a lock there keeps others out.

    Leaves nothing behind.
    """
    try:
        near = nearest(folder)
        with tempfile.TemporaryDirectory(dir=near, prefix=".doctor-") as place:
            yield _second_process(near, Path(place) / "lock")
    except OSError as error:
        yield Finding(
            "fault", "results folder", f"cannot write into {folder}: {error.strerror}", "run --out another folder"
        )


def _second_process(near: Path, path: Path) -> Finding:
    try:
        with FileLock(path, timeout=5):
            done = subprocess.run(
                [sys.executable, "-c", SECOND, path], capture_output=True, text=True, check=False, timeout=30
            )
    except (OSError, NotImplementedError) as error:  # a disk that knows no locks
        return unlocked(near, f"are refused ({error})")
    if done.returncode == 0:
        return unlocked(near, "keep nobody out")
    if done.returncode != KEPT_OUT:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Finding("warning", "locks", f"a second process could not try the lock ({last})")
    return Finding("ok", "locks", f"work in {near}: of two runs on one folder, only one takes a cell")


def unlocked(near: Path, what: str) -> Finding:
    """The line for a disk without locks that hold."""
    says = f"locks in {near} {what}: two runs on one folder could take the same cell"
    return Finding("fault", "locks", says, "run --out a folder on a disk with locks, or mount this one with them")


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists. Raises NotADirectoryError where a file is in the way."""
    whole = folder.absolute()
    there = next(path for path in (whole, *whole.parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is a file")
    return there
