"""Memory of this machine and process, and errors for too little of it."""

import ctypes
from contextlib import suppress
from pathlib import Path

from fewshot_bench.basics.errors import BenchError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h> of the GNU C library


class NoRoomError(BenchError):
    """A program needs more memory than there is."""


_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "MemoryError:", "out of memory")
"""Parts of messages: of torch's allocators, which raise a RuntimeError, and of errors that workers sent as text."""


def out_of_memory(error: BaseException) -> bool:
    """Recognises out-of-memory errors, which torch raises under several types and messages."""
    by_torch = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)  # nothing here imports torch
    return by_torch or isinstance(error, NoRoomError | MemoryError) or any(one in str(error) for one in _OUT_OF_MEMORY)


def available_bytes() -> int | None:
    """Bytes that a new allocation may take without harm to other processes; None if unknown (not Linux)."""
    found = [_available(Path("/proc/meminfo"))]
    try:  # a container's limit, less what it uses
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        found += [int(limit) - used] if limit.isdecimal() else []
    except (OSError, ValueError):
        pass
    known = [number for number in found if number is not None]
    return min(known) if known else None


def allocate(*, sparingly: bool) -> None:
    """Set how the GNU C library handles freed memory; other C libraries are left as they are.

    sparingly: large tensors are returned to the system at once. Otherwise they are kept for the next ones, which saves
    taking them page by page at every operation. The library's default is in between.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    large, kept = (1 << 16, 0) if sparingly else (1 << 30, 2**31 - 1)  # bytes
    set_option(_MMAP_THRESHOLD, large)
    set_option(_TRIM_THRESHOLD, kept)


def forget_peak() -> int:
    """Restart the measurement of `peak_bytes` (Linux); returns the bytes in use now.

    Freed memory that the C library kept is returned to the system first, so that it does not count.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _held("VmRSS:") or 0


def peak_bytes() -> int | None:
    """The largest memory use of this process, without its children, since `forget_peak`; None if unknown."""
    return _held("VmHWM:")


def _held(line: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(one.split()[1]) * 1024 for one in lines if one.startswith(line)), None)


def _available(meminfo: Path) -> int | None:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
