"""Memory of this machine."""

import ctypes
from pathlib import Path

from fewshot_bench.basics.errors import BenchError

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # <malloc.h> of the GNU C library


class NoRoomError(BenchError):
    """Something needs more memory than there is."""


def available_bytes() -> int | None:
    """What a new allocation may take before others suffer; None where the system does not tell (not Linux)."""
    found = [_available(Path("/proc/meminfo"))]
    try:  # a container's limit, less what it uses
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        found += [int(limit) - used] if limit.isdecimal() else []
    except (OSError, ValueError):
        pass
    known = [number for number in found if number is not None]
    return min(known) if known else None


def keep_freed_memory() -> None:
    """Has the C library keep what is freed for the next tensor, where it is the GNU one.

    By default large tensors are given back to the system and taken anew, page by page, at every operation: about a
    fifth of a meta-step's time (docs/performance.md).
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)):
        set_option(option, value)


def _available(meminfo: Path) -> int | None:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
