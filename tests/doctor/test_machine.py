"""What is said of cores, memory, threads, GPUs and open files: for made-up machines, since there is but one here."""

import os
from pathlib import Path

import pytest

from fewshot_bench.doctor import computing, machine
from fewshot_bench.doctor.computing import Gpus, gpu, shared, threads
from fewshot_bench.doctor.machine import cores_of, files_allowed, memory, processor, usable_cores

UNLIMITED = -1


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("", None),
        ("max", None),
    ],
)
def test_a_containers_cores(cpu_max, cores):
    assert cores_of(cpu_max) == cores


def test_cores_are_those_this_process_is_bound_to(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "max 100000")
    assert usable_cores() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    assert usable_cores() == 7
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "300000 100000")
    assert usable_cores() == 3


def test_cores_are_told():
    assert processor(1, 1).says == "1 core"
    assert processor(2, 64).says == "2 cores of the machine's 64"


@pytest.mark.parametrize(
    ("free", "level", "says"), [(None, "ok", "does not tell"), (1.4e9, "warning", "1.4 GB"), (24e9, "ok", "24.0")]
)
def test_memory(free, level, says):
    found = memory(free)
    assert found.level == level
    assert says in found.says
    assert bool(found.mend) == (level == "warning")


@pytest.mark.parametrize(
    ("soft", "hard", "level", "mend"),
    [
        (1024, 1_048_576, "ok", ""),
        (256, 1_048_576, "warning", "ulimit -n 1024"),
        (256, 512, "warning", "ulimit -n 512"),
        (256, UNLIMITED, "warning", "ulimit -n 1024"),
        (UNLIMITED, UNLIMITED, "ok", ""),
    ],
)
def test_open_files(soft, hard, level, mend):
    found = files_allowed(soft, hard, UNLIMITED)
    assert (found.level, found.mend) == (level, mend)


def test_open_files_are_looked_up(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (77, 88) if which == resource.RLIMIT_NOFILE else (0, 0))
    (found,) = machine.open_files()
    assert found.mend == "ulimit -n 88"


NO_GPU = Gpus(names=(), built="13.0", driver=False, hidden=None, warned="")


@pytest.mark.parametrize(
    ("found", "level", "says"),
    [
        (NO_GPU._replace(names=("H200 (1 of 2 free)",), driver=True), "ok", "H200"),
        (NO_GPU, "ok", "cells run on the CPU"),
        (NO_GPU._replace(hidden=""), "ok", "cells run on the CPU"),
        (NO_GPU._replace(driver=True, hidden="-1"), "warning", "CUDA_VISIBLE_DEVICES is '-1'"),
        (NO_GPU._replace(driver=True, built=None), "warning", "built without CUDA"),
        (NO_GPU._replace(driver=True, warned="the driver is too old"), "warning", "the driver is too old"),
    ],
)
def test_gpus(found, level, says):
    line = gpu(found)
    assert line.level == level
    assert says in line.says
    assert bool(line.mend) == (level == "warning")


def test_threads():
    assert threads(2, 2).level == "ok"
    assert threads(4, 2).mend == "export OMP_NUM_THREADS=2"


def test_shared_memory():
    assert shared(64_000_000).level == "warning"
    assert shared(8_000_000_000).level == "ok"


def test_a_torch_that_does_not_load_is_a_fault(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (found,) = computing.computing()
    assert found.level == "fault"
    assert found.says.startswith("cannot be loaded (ModuleNotFoundError")
