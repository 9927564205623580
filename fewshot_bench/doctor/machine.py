"""The machine: cores, memory, and how many files a process may have open."""

import os
from collections.abc import Iterator
from pathlib import Path

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.memory import available_bytes
from fewshot_bench.doctor.finding import Finding, size

LITTLE_MEMORY = 2e9  # bytes; torch alone takes half a gigabyte of a process, and an engine may start several
FEW_FILES = 1024  # the usual limit of Linux; workers share tensors, and each takes a descriptor


def machine() -> Iterator[Finding]:
    """Lines about cores, memory and open files."""
    yield processor(usable_cores(), os.cpu_count() or 1)
    yield memory(available_bytes())
    yield from open_files()


def usable_cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than its container is given."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8")
    except OSError:
        limit = "max"
    return min(bound, cores_of(limit) or bound)


def cores_of(cpu_max: str) -> int | None:
    """Whole cores that a container's cpu.max ("QUOTA PERIOD" in microseconds) gives, 1 at least; None for no limit."""
    quota, _, period = cpu_max.strip().partition(" ")
    return max(1, int(quota) // int(period)) if quota.isdecimal() and period.isdecimal() and int(period) else None


def processor(usable: int, there: int) -> Finding:
    """usable, there: cores that may be used, and that the machine has."""
    few = f" of the machine's {there}" if usable < there else ""
    return Finding("ok", "processor", f"{counted(usable, 'core')}{few}")


def memory(available: int | None) -> Finding:
    """available: bytes, None where the system does not tell."""
    if available is None:
        return Finding("ok", "memory", "this system does not tell how much is free")
    if available < LITTLE_MEMORY:
        return Finding(
            "warning", "memory", f"{size(available)} free", "end other programs, or ask the scheduler for more"
        )
    return Finding("ok", "memory", f"{size(available)} free")


def open_files() -> Iterator[Finding]:
    """A line where the system limits how many files a process may have open."""
    try:
        import resource
    except ImportError:  # not a Unix
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield files_allowed(soft, hard, resource.RLIM_INFINITY)


def files_allowed(soft: int, hard: int, unlimited: int) -> Finding:
    """soft, hard: how many files a process may have open now, and may ask for; `unlimited` stands for no limit."""
    if soft == unlimited:
        return Finding("ok", "open files", "no limit")
    if soft >= FEW_FILES:
        return Finding("ok", "open files", f"{soft} a process")
    most = FEW_FILES if hard == unlimited else min(hard, FEW_FILES)
    return Finding("warning", "open files", f"only {soft} a process", f"ulimit -n {most}")
