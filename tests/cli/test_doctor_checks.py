"""What `doctor` says of machines, packages, data and disks: made-up ones, since there is but one machine here."""

import importlib.metadata
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from fewshot_bench.cli import doctor_checks
from fewshot_bench.cli.doctor_checks import (
    EXTRAS,
    LITTLE,
    Diagnosis,
    Gpus,
    base,
    bytes_of,
    bytes_to_come,
    cores_of,
    datasets,
    files_allowed,
    findings,
    gpu,
    lacking,
    locks,
    memory,
    named_in,
    nearest,
    of_extra,
    place_to_come,
    processor,
    required,
    room,
    shared,
    size,
    threads,
    usable_cores,
)
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.plan import Plan
from tests.tiny import tiny_cell
from tests.training.one_cell import train_one

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
    (found,) = doctor_checks.open_files()
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
    (found,) = doctor_checks.computing()
    assert found.level == "fault"
    assert found.says.startswith("cannot be loaded (ModuleNotFoundError")


NEEDED = [Requirement("torch>=2.6"), Requirement("tyro>=0.9")]


def test_what_the_package_needs_and_what_an_extra_needs():
    assert len(required()) > 12
    assert {one.name for one in required("cluster")} == {"ray"}
    assert len(importlib.metadata.requires("fewshot-bench")) == sum(len(required(extra)) for extra in ("", *EXTRAS))


@pytest.mark.parametrize(
    ("has", "enough"),
    [
        ("2.5.1", False),
        ("2.6", True),
        ("2.6.0", True),
        ("2.10", True),
        ("2.15.0+cpu", True),
        ("3", True),
        ("1.13.1", False),
        ("2.6rc1", True),
        (None, False),
    ],
)
def test_versions_are_compared_number_by_number(has, enough):
    assert lacking([Requirement("x>=2.6")], lambda _: has) == ([] if enough else ["x>=2.6"])


def test_all_is_there():
    assert base(NEEDED, {"torch": "2.15.0", "tyro": "1.0"}.get) == ("ok", "packages", "all 2 that it needs", "")


def test_what_is_missing_is_a_fault():
    found = base(NEEDED, {"torch": "2.5.0"}.get)
    assert found.level == "fault"
    assert found.mend == "pip install 'torch>=2.6' 'tyro>=0.9'"


def test_an_extra_that_is_missing_is_none():
    found = of_extra("cluster", [Requirement("ray>=2.40")], lambda _: None)
    assert found.level == "ok"
    assert "run --engine ray" in found.says
    assert "uv sync --extra cluster" in found.mend
    assert of_extra("cluster", [Requirement("ray>=2.40")], lambda _: "2.60.0").says == "ray 2.60.0"


def test_here_all_is_well_and_every_extra_says_what_it_is_for():
    found = {one.about: one for one in doctor_checks.packages()}
    assert found["packages"].level == found["fewshot-bench"].level == "ok"
    assert {about.removeprefix("extra ") for about in found if about.startswith("extra ")} == set(EXTRAS)


def test_a_package_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(doctor_checks, "PACKAGE", "no-such-package-anywhere")
    assert [one.level for one in doctor_checks.packages()] == ["ok", "warning"]


def test_room(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))
    assert room("disk", tmp_path / "not" / "yet", 5_000_000_000).level == "ok"
    short = room("disk", tmp_path / "not" / "yet", 6_000_000_000)
    assert short.level == "fault"
    assert "5.0 GB free" in short.says
    assert "6.0 GB" in short.says
    assert str(nearest(tmp_path / "not" / "yet")) == str(tmp_path)


def test_locks_work_here_and_nothing_is_left(tmp_path):
    (found,) = locks(tmp_path / "results" / "new")
    assert found.level == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_keeps_nobody_out_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_checks, "SECOND", "")  # the second process gets what it asks for
    (found,) = locks(tmp_path)
    assert found.level == "fault"
    assert "keep nobody out" in found.says
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_that_falls_over_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_checks, "SECOND", "raise SystemError('odd')")
    (found,) = locks(tmp_path)
    assert found.level == "warning"
    assert "SystemError: odd" in found.says


def test_a_disk_that_refuses_locks_is_a_fault(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(doctor_checks, "FileLock", refused)
    (found,) = locks(tmp_path)
    assert found.level == "fault"
    assert "are refused (FileSystem does not" in found.says


def test_a_folder_that_cannot_be_written_is_a_fault():
    (found,) = locks(Path("/proc/self"))
    assert found.level == "fault"
    assert found.says.startswith("cannot write into /proc/self")


def test_a_file_in_the_way_is_a_fault(tmp_path):
    (tmp_path / "results").touch()
    (found,) = locks(tmp_path / "results" / "mine")
    assert found.level == "fault"
    assert found.says.endswith(f"{tmp_path / 'results'} is a file")


def about(data_dir: Path, *needed: str) -> dict[str, Diagnosis]:
    return {one.about: one for one in datasets(data_dir, frozenset(needed))}


def test_data_that_is_missing_and_what_brings_it(tmp_path):
    found = about(tmp_path, "mini-imagenet")
    assert found["omniglot"].level == "warning"
    assert found["omniglot"].mend == f"fewshot-bench data get omniglot --data-dir {tmp_path}"
    assert found["mini-imagenet"].level == "fault"
    assert found["mini-imagenet"].mend == f"fewshot-bench data import mini-imagenet --from PATH --data-dir {tmp_path}"
    assert found["glyphs"].level == "ok"
    assert list(tmp_path.iterdir()) == []


def test_data_that_is_prepared(pattern_data):
    found = about(pattern_data)["omniglot"]
    assert found.level == "warning"  # a stand-in: its pixels are not Omniglot's
    assert "its pixels are none that the package knows" in found.says
    assert found.mend == f"fewshot-bench data verify omniglot --data-dir {pattern_data}"


def test_a_torn_pool(tmp_path):
    folder = tmp_path / ".prepared" / "omniglot"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert about(tmp_path)["omniglot"].level == "warning"
    found = about(tmp_path, "omniglot")["omniglot"]
    assert found.level == "fault"
    assert "Delete that folder and run again" in found.says


def test_what_pools_will_take(tmp_path, pattern_data):
    assert bytes_to_come(tmp_path, frozenset({"omniglot"})) == 1623 * 20 * 28 * 28
    assert bytes_to_come(tmp_path, frozenset(DATASETS)) > 100 * 600 * 3 * 84 * 84
    assert bytes_to_come(pattern_data, frozenset({"omniglot"})) == 0


def test_where_pools_go(tmp_path, cache):
    assert place_to_come(tmp_path / "data") == tmp_path / "data"
    tmp_path.chmod(0o555)
    assert place_to_come(tmp_path / "data") == cache / "fewshot_bench"
    tmp_path.chmod(0o755)


def test_the_datasets_of_a_grid():
    content = {
        "grid": {"dataset": ["omniglot"]},
        "cells": [{"dataset": "glyphs"}, {"ways": [5]}, {"dataset": ["cifar"]}],
    }
    assert named_in(content) == {"omniglot", "glyphs"}
    assert named_in({}) == frozenset()


def test_a_check_that_fails_is_a_warning_and_the_next_is_taken():
    def falls():
        yield Diagnosis("ok", "first", "well")
        raise OSError("gone")

    found = list(findings({"one": falls, "two": lambda: [Diagnosis("fault", "third", "bad")]}))
    assert [one.level for one in found] == ["ok", "warning", "fault"]
    assert found[1] == ("warning", "one", "could not be looked at (OSError: gone)", "")


@pytest.mark.parametrize(("count", "words"), [(1.5e9, "1.5 GB"), (25e6, "25 MB"), (0, "0 MB")])
def test_sizes(count, words):
    assert size(count) == words


CELL = tiny_cell(
    {"iterations": 3, "iterations_per_epoch": 1, "tasks_per_batch": 1, "inner_steps": 1},
    {"tasks": 2},
    backbone_options=(),
)


def test_it_is_about_what_a_cell_takes(pattern_pool, tmp_path):
    """Three epochs: two checkpoints with the optimizer's state are kept, and the two best epochs."""
    train_one(assemble(CELL, pattern_pool, Plan("cpu", 1, 1)), tmp_path, lambda _: False)
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert bytes_of([CELL]) == pytest.approx(taken, rel=0.05)
    assert bytes_of([CELL, CELL]) == 2 * bytes_of([CELL])


def test_an_untrained_cell_takes_less(pattern_pool):
    untrained = replace(CELL, training=replace(CELL.training, iterations=0))
    assert LITTLE < bytes_of([untrained]) < bytes_of([CELL]) / 4
