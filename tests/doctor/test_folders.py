"""Room, locks and data: on the disk of this machine, and on disks that fail."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.doctor import folders
from fewshot_bench.doctor.datasets import bytes_to_come, datasets, named_in, place_to_come
from fewshot_bench.doctor.finding import Finding, looked, size
from fewshot_bench.doctor.folders import locks, nearest, room


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
    monkeypatch.setattr(folders, "SECOND", "")  # the second process gets what it asks for
    (found,) = locks(tmp_path)
    assert found.level == "fault"
    assert "keep nobody out" in found.says
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_that_falls_over_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "SECOND", "raise SystemError('odd')")
    (found,) = locks(tmp_path)
    assert found.level == "warning"
    assert "SystemError: odd" in found.says


def test_a_disk_that_refuses_locks_is_a_fault(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(folders, "FileLock", refused)
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


def about(data_dir: Path, *needed: str) -> dict[str, Finding]:
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


def test_a_look_that_fails_is_a_warning_and_the_next_is_taken():
    def falls():
        yield Finding("ok", "first", "well")
        raise OSError("gone")

    found = list(looked({"one": falls, "two": lambda: [Finding("fault", "third", "bad")]}))
    assert [one.level for one in found] == ["ok", "warning", "fault"]
    assert found[1] == ("warning", "one", "could not be looked at (OSError: gone)", "")


@pytest.mark.parametrize(("count", "words"), [(1.5e9, "1.5 GB"), (25e6, "25 MB"), (0, "0 MB")])
def test_sizes(count, words):
    assert size(count) == words
