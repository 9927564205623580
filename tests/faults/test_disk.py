"""Full disks, torn files, vanished data, clocks that jump: one sentence, nothing lost, nothing wrong believed."""

import json
import os
import resource
import shutil
import signal

import pytest

from fewshot_bench.basics.lease import LOCK
from tests.faults.runs import believed, grid_of, left

FULL = """
import errno, os
from fewshot_bench.basics import files
flush, calls = os.fsync, []

def full(handle):
    calls.append(handle)
    if len(calls) >= {nth}:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    flush(handle)

os.fsync = full
"""
"""The disk has no room from the n-th flush of a file on."""

KILLED_IN_WRITE = """
import os, signal
from fewshot_bench.basics import files
flush, calls = os.fsync, []

def killed(handle):
    calls.append(handle)
    if len(calls) == {nth}:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(handle)

os.fsync = killed
"""
"""The process dies with a file written beside its place and not yet renamed."""

LIMITED = f"import resource; resource.setrlimit({resource.RLIMIT_FSIZE}, ({{size}}, {{size}}))"
"""The system takes no file of more than so many bytes: metrics.jsonl outgrows it while it is added to."""

KILLED = """
import os, signal
from fewshot_bench.training import checkpoint
write, kinds = checkpoint.write, []

def counted(folder, kind, *rest):
    name = write(folder, kind, *rest)
    kinds.append(kind)
    if kinds.count("step") == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return name

checkpoint.write = counted
"""

JUMPING = """
import itertools, time
now, hours = time.time, itertools.cycle((0, 5000, -5000))
time.time = lambda: now() + 3600 * next(hours)
"""
"""The clock jumps by more than half a year each time it is read."""


@pytest.fixture(scope="module")
def undisturbed(made, pattern_data, tmp_path_factory):
    """A one-cell grid's command without its data, and its results."""
    folder = tmp_path_factory.mktemp("undisturbed")
    grid = folder / "grid.toml"
    grid.write_text(grid_of("maml++"))
    words = ["run", grid]
    ended = made.run([*words, "--data-dir", pattern_data, "--out", folder / "out"])
    assert ended.status == 0, ended.output
    assert not (folder / "out" / "figures").exists()  # tests/faults/runs.py leaves them out
    return words, left(folder / "out")


@pytest.fixture
def data(pattern_data, tmp_path):
    """A data folder of one's own."""
    return shutil.copytree(pattern_data, tmp_path / "data")


def interrupted(made, words):
    """A run killed when it has two checkpoints."""
    ended = made.run(words, before=KILLED)
    assert ended.status == -signal.SIGKILL, ended.output


@pytest.mark.parametrize("nth", [1, 5, 20])
def test_a_full_disk_is_a_sentence_and_loses_nothing(made, undisturbed, data, tmp_path, nth):
    words, expected = undisturbed
    words = [*words, "--data-dir", data, "--out", tmp_path / "out"]
    ended = made.run(words, before=FULL.format(nth=nth))
    assert ended.status in (1, 2), ended.output
    assert "No space left on device" in ended.output
    assert "Traceback" not in ended.output
    assert not believed(tmp_path / "out")
    assert made.run(words).status == 0
    assert left(tmp_path / "out") == expected


@pytest.mark.parametrize("nth", [3, 9, 15])  # even ones are of folders
def test_what_a_kill_left_half_written_is_swept_and_never_read(made, undisturbed, data, tmp_path, nth):
    words, expected = undisturbed
    out = tmp_path / "out"
    words = [*words, "--data-dir", data, "--out", out]
    assert made.run(words, before=KILLED_IN_WRITE.format(nth=nth)).status == -signal.SIGKILL
    assert list(out.glob("**/.*.part"))
    assert made.run(words).status == 0
    assert left(out) == expected
    assert not list(out.glob("cells/**/.*.part"))


def test_a_write_that_the_system_cuts_short_is_no_line_of_the_metrics(made, undisturbed, data, tmp_path):
    words, expected = undisturbed
    words = [*words, "--data-dir", data, "--out", tmp_path / "out"]
    metrics = next(content for name, content in expected.items() if name.endswith("metrics.jsonl"))
    ended = made.run(words, before=LIMITED.format(size=len(metrics) // 2))
    assert ended.status in (1, 2), ended.output
    assert "File too large" in ended.output
    assert "Traceback" not in ended.output
    assert not believed(tmp_path / "out")
    assert made.run(words).status == 0
    assert left(tmp_path / "out") == expected


@pytest.mark.parametrize(("damaged", "how"), [(1, "torn"), (1, "empty"), (2, "other bytes")])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_it_used(made, undisturbed, data, tmp_path, damaged, how):
    words, expected = undisturbed
    out = tmp_path / "out"
    words = [*words, "--data-dir", data, "--out", out]
    interrupted(made, words)
    for path in sorted(out.glob("cells/*/checkpoints/step-*"))[-damaged:]:
        whole = path.read_bytes()
        torn = {"torn": whole[: len(whole) // 2], "other bytes": whole[:-9] + bytes(9), "empty": b""}
        path.write_bytes(torn[how])
    ended = made.run(words)
    assert ended.status == 0, ended.output
    assert left(out) == expected


def test_torn_files_beside_the_checkpoints_change_nothing(made, undisturbed, data, tmp_path):
    words, expected = undisturbed
    out = tmp_path / "out"
    words = [*words, "--data-dir", data, "--out", out]
    interrupted(made, words)
    (folder,) = out.glob("cells/*")
    (folder / "metrics.jsonl").write_bytes((folder / "metrics.jsonl").read_bytes() + b'{"iteration": 99, "lo')
    (folder / "status.json").write_bytes((folder / "status.json").read_bytes()[:40])
    (folder / LOCK).unlink(missing_ok=True)
    (folder / LOCK).write_text("filelo")
    os.utime(folder / LOCK, (1e9, 1e9))
    ended = made.run(words)
    assert ended.status == 0, ended.output
    assert left(out) == expected


def test_data_that_vanishes_is_a_sentence_and_comes_back(made, undisturbed, data, tmp_path):
    words, expected = undisturbed
    words = [*words, "--data-dir", data, "--out", tmp_path / "out"]
    interrupted(made, words)
    data.rename(tmp_path / "elsewhere")
    ended = made.run(words)
    assert ended.status == 2
    assert "no omniglot in" in ended.output
    assert "Traceback" not in ended.output
    (tmp_path / "elsewhere").rename(data)
    assert made.run(words).status == 0
    assert left(tmp_path / "out") == expected


def test_data_that_vanishes_in_the_middle_of_a_run_does_no_harm(made, undisturbed, data, tmp_path):
    """The file is gone from its folder when training begins; or it is found missing, in a sentence."""
    words, expected = undisturbed
    words = [*words, "--data-dir", data, "--out", tmp_path / "out"]
    gone = "from fewshot_bench.grid import inline\nimport shutil\nfirst = inline.find_plan\n"
    gone += f"def find_plan(*all): shutil.rmtree({str(data)!r}); return first(*all)\ninline.find_plan = find_plan\n"
    ended = made.run(words, before=gone)
    assert ended.status == 0, ended.output
    assert left(tmp_path / "out") == expected


def test_a_clock_that_jumps_changes_nothing(made, undisturbed, data, tmp_path):
    words, expected = undisturbed
    words = [*words, "--data-dir", data, "--out", tmp_path / "out"]
    ended = made.run(words, before=JUMPING + KILLED)
    assert ended.status < 0, ended.output
    ended = made.run(words, before=JUMPING)
    assert ended.status == 0, ended.output
    assert left(tmp_path / "out") == expected
    (status,) = (tmp_path / "out").glob("cells/*/status.json")
    assert 0 < json.loads(status.read_text())["seconds"] < 3600
