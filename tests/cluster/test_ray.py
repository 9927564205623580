"""Cells on a real Ray cluster of two nodes on this machine: workers and nodes die, and the bytes are inline's."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fewshot_bench.basics.lease import LOCK, holder
from fewshot_bench.cli.main import main
from tests.faults.runs import CHECKOUT, left
from tests.tiny import tiny_toml

pytestmark = pytest.mark.cluster

PLAN = "program=eager,threads=1,tasks_at_once=2,workers=1"  # equal plans give equal bytes

GRID = tiny_toml(
    grid={"seed": [0, 1, 2]}, training={"iterations": 180, "iterations_per_epoch": 30}, evaluation={"tasks": 20}
)


@pytest.fixture(scope="module", autouse=True)
def no_environments():
    # Started by `uv run`, ray would pack the checkout and give each worker an environment of its own, by `uv run` too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture
def cluster():
    """A head that computes nothing, and two nodes with room for one cell each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture(scope="module")
def inline(pattern_data, tmp_path_factory):
    """The grid, and what inline makes of it."""
    folder = tmp_path_factory.mktemp("inline")
    grid = folder / "grid.toml"
    grid.write_text(GRID)
    assert main(["run", str(grid), "--data-dir", str(pattern_data), "--out", str(folder / "out"), "--plan", PLAN]) == 0
    return grid, left(folder / "out")


def start(grid: Path, data: Path, out: Path, *more: str) -> subprocess.Popen:
    words = ["run", str(grid), "--data-dir", str(data), "--out", str(out), "--plan", PLAN, "--engine", "ray", *more]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(CHECKOUT / "run_bench.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(condition, process: subprocess.Popen, seconds: float = 600):
    """Waits for something to be true of a run under way."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def owners(out: Path) -> dict[str, int]:
    """Cell -> the process that has it."""
    found = {path.parent.name: holder(path.parent) for path in out.glob(f"cells/*/{LOCK}")}
    return {name: int(one.words.split()[1]) for name, one in found.items() if one is not None}


def with_checkpoint(out: Path) -> list[str]:
    return [path.parents[1].name for path in out.glob("cells/*/checkpoints/step-*")]


def under_way(out: Path) -> list[tuple[str, int]]:
    """Cells with a checkpoint, each with the process that has it."""
    has = owners(out)
    return [(name, has[name]) for name in with_checkpoint(out) if name in has]


def test_a_worker_and_a_node_die_and_the_results_are_those_of_inline(cluster, inline, pattern_data, tmp_path):
    grid, expected = inline
    first, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    out = tmp_path / "out"
    process = start(grid, pattern_data, out, "--address", cluster.address)
    until(lambda: len(owners(out)) == 2, process)  # two cells at once
    victim, pid = until(lambda: under_way(out), process)[0]
    os.kill(pid, signal.SIGKILL)
    until(lambda: owners(out).get(victim, pid) != pid, process)  # it goes on in another process
    until(lambda: len(owners(out)) == 2, process)  # so each node has a cell
    cluster.remove_node(first, allow_graceful=False)
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert left(out) == expected
    logs = "".join(path.read_text() for path in out.glob("cells/*/log.txt"))
    assert logs.count("is gone: taken over") >= 2  # from the worker and from the node


def test_the_driver_goes_and_comes_back(cluster, inline, pattern_data, tmp_path):
    grid, expected = inline
    cluster.add_node(num_cpus=2)
    out = tmp_path / "out"
    process = start(grid, pattern_data, out, "--address", cluster.address)
    until(lambda: with_checkpoint(out), process)
    process.kill()
    process.communicate()
    assert len(left(out)) < len(expected)
    again = start(grid, pattern_data, out, "--address", cluster.address)
    told, _ = again.communicate(timeout=600)
    assert again.returncode == 0, told
    assert left(out) == expected


def test_ctrl_c_ends_all_cells_at_a_checkpoint(cluster, inline, pattern_data, tmp_path):
    grid, expected = inline
    cluster.add_node(num_cpus=2)
    out = tmp_path / "out"
    process = start(grid, pattern_data, out, "--address", cluster.address)
    until(lambda: len(set(with_checkpoint(out))) == 2, process)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 130, told
    assert "the same command goes on" in told
    states = [json.loads(path.read_text())["status"] for path in out.glob("cells/*/status.json")]
    assert states == ["queued"] * 3
    assert not list(out.glob(".stop-*"))
    assert not owners(out)
    assert (
        main(["run", str(grid), "--data-dir", str(pattern_data), "--out", str(out)]) == 0
    )  # inline, by the same plans
    assert left(out) == expected


def test_this_machine_alone_without_an_address(inline, pattern_data, tmp_path):
    grid, expected = inline
    process = start(grid, pattern_data, tmp_path / "out")
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert left(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--address", "127.0.0.1:9"], "no Ray cluster at '127.0.0.1:9'"),
        (["--gpus-per-cell", "0.5"], "a cell takes 1 CPUs and 0.5 GPUs, but no node has more than"),
    ],
)
def test_what_cannot_be_is_one_sentence(inline, pattern_data, tmp_path, words, says):
    grid, _ = inline
    process = start(grid, pattern_data, tmp_path / "out", *words)
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 2, told
    assert says in told
    assert "Traceback" not in told
