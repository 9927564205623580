"""What a tracker is told is what is on disk; and whatever becomes of it, the run goes on."""

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.data.datasets import data_of
from fewshot_bench.grid import tracking
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.grid.tracking import Track, tracked
from fewshot_bench.training.replica import Interrupted
from tests.tiny import tiny_grid

GRID = tiny_grid(
    grid={"seed": [0, 1]},
    training={"iterations": 5, "inner_steps": 1},
    evaluation={"tasks": 10, "ensemble": 1},
    cells=[{"seed": [0], "training": {"iterations": 0}}],
)

Value = tuple[str, int, float]


def run(out: Path, pool, kind: str, stop_after: int = 10**9, said: list[str] | None = None) -> list[Path]:
    """The grid, tracked; the folders of its cells."""
    cells = expand(GridFile("grid", "grid", GRID))
    folders.enroll(out, cells)
    moments = 0

    def moment(cell, at) -> None:
        nonlocal moments
        moments += 1

    listener = Listener(moment, lambda cell, status, reason: None, lambda: moments > stop_after)
    if said is not None:
        listener = listener._replace(say=said.append)
    with tracked(listener, kind, out) as told:
        run_cells(cells, out, {data_of(cells[0]): pool}, "cpu", told)
    return [folders.folder_of(out, cell) for cell in cells]


def on_disk(folder: Path) -> set[Value]:
    """What a tracker has to have seen of a cell, from its own files; rounded to float32, as event files are."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    values = {("loss", row["iteration"], row["loss"]) for row in rows if "loss" in row}
    values |= {
        ("val_accuracy", row["iteration"], row["val_accuracy"])
        for row in rows
        if "val_accuracy" in row and row["iteration"]
    }
    result = json.loads((folder / "result.json").read_text())
    values.add(("test_accuracy", result["iterations"], result["test_accuracy"]))
    return rounded(values)


def rounded(values: set[Value]) -> set[Value]:
    return {(name, step, struct.unpack("f", struct.pack("f", value))[0]) for name, step, value in values}


@pytest.fixture
def kept(monkeypatch) -> dict[str, list[Any]]:
    """A tracker that keeps what it is told, by cell."""
    told: dict[str, list[Any]] = {}

    def open_(cell, done):
        values = told.setdefault(cell.id, [])
        values.append(("opened", done))
        return Track(
            lambda new, step: values.extend((name, step, value) for name, value in new.items()),
            lambda status, reason: values.append((status, reason)),
        )

    monkeypatch.setitem(tracking.TRACKERS, "kept", lambda folder, stack: open_)
    return told


def scalars(told: list[Any]) -> list[Value]:
    return [entry for entry in told if len(entry) == 3]


def test_a_tracker_is_told_what_is_on_disk_once(pattern_pool, tmp_path, kept):
    for folder in run(tmp_path, pattern_pool, "kept"):
        told = kept[folder.name]
        assert rounded(set(scalars(told))) == on_disk(folder)
        assert len(scalars(told)) == len(set(scalars(told)))
        assert told[-1] == ("done", "")


def test_interrupted_and_gone_on_it_misses_nothing(pattern_pool, tmp_path, kept):
    with pytest.raises(Interrupted):
        run(tmp_path, pattern_pool, "kept", stop_after=5)
    assert [told[-1][0] for told in kept.values()] == ["queued"]
    for folder in run(tmp_path, pattern_pool, "kept"):
        assert rounded(set(scalars(kept[folder.name]))) == on_disk(folder)
    assert {told[0] for told in kept.values()} == {("opened", 0)}
    (interrupted,) = [told for told in kept.values() if ("queued", "interrupted") in told]
    assert [entry for entry in interrupted if entry[0] == "opened"][1][1] > 0


def test_a_tracker_that_fails_does_not_stop_a_cell(pattern_pool, tmp_path, monkeypatch):
    def open_(cell, done):
        raise OSError("the disk of the tracker is full")

    monkeypatch.setitem(tracking.TRACKERS, "broken", lambda folder, stack: open_)
    said: list[str] = []
    for folder in run(tmp_path, pattern_pool, "broken", said=said):
        assert (folder / "result.json").exists()
    assert len(said) == 3  # once a cell
    assert "is not tracked: OSError: the disk of the tracker is full" in said[0]


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_a_missing_extra_is_a_sentence(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, kind, None)
    listener = Listener(lambda cell, at: None, lambda cell, status, reason: None, lambda: False)
    with (
        pytest.raises(BenchError, match=f"--track {kind} needs {kind}.*`uv sync --extra track`"),
        tracked(listener, kind, tmp_path),
    ):
        pass


def test_another_tracker_is_a_sentence(tmp_path):
    listener = Listener(lambda cell, at: None, lambda cell, status, reason: None, lambda: False)
    with pytest.raises(BenchError, match="unknown tracker 'tensorbord'"), tracked(listener, "tensorbord", tmp_path):
        pass


@pytest.mark.track
def test_event_files_of_tensorboard(pattern_pool, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(Interrupted):
        run(tmp_path, pattern_pool, "tensorboard", stop_after=5)
    for folder in run(tmp_path, pattern_pool, "tensorboard"):
        events = EventAccumulator(str(tmp_path / "tensorboard" / folder.name))
        events.Reload()
        found = [(tag, event.step, event.value) for tag in events.Tags()["scalars"] for event in events.Scalars(tag)]
        assert set(found) == on_disk(folder)
        assert len([value for value in found if value[0] == "loss"]) == len({v for v in found if v[0] == "loss"})


@pytest.mark.track
def test_offline_runs_of_wandb(pattern_pool, tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    said: list[str] = []
    folders = run(tmp_path, pattern_pool, "wandb", said=said)
    assert said == []
    assert "WANDB_MODE" not in os.environ
    found = {}
    for path in (tmp_path / "wandb").rglob("offline-run-*/run-*.wandb"):
        records = list(records_of(path))
        (name,) = {record.run.display_name for record in records if record.run.display_name}
        found[name] = {value for record in records for value in values_of(record)}
    assert {name: rounded(values) for name, values in found.items()} == {f.name: on_disk(f) for f in folders}


def values_of(record) -> list[Value]:
    row = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
    names = ("loss", "val_accuracy", "test_accuracy")
    return [(name, row["meta_step"], row[name]) for name in names if name in row]


def records_of(path: Path):
    """The records of a .wandb file: after 7 bytes, LevelDB's log format (blocks of 32 KiB, whole or in pieces)."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, pieces = path.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        pieces += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(pieces)
            yield record
            pieces = b""
