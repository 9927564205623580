"""Ids, configurations and results of small cells are what they were when tests/pinned_cells.json was recorded.

A new version may be laid out otherwise, but must not compute anything else under the same name: users go on from old
results folders. `python -m tests.test_pinned_cells` records the file anew. Do so only if RECIPE was raised.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from fewshot_bench import run_grid
from fewshot_bench.cli.main import main
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import read
from tests.pattern_data import write_patterns

RECORDED = Path(__file__).with_name("pinned_cells.json")
PRESETS = sorted((Path(__file__).resolve().parents[1] / "fewshot_bench" / "presets").glob("*.toml"))

SMALL = """
[training]
iterations = 4
iterations_per_epoch = 2
tasks_per_batch = 2
inner_steps = 2
[evaluation]
tasks = 6
ensemble = 2
"""
GRIDS = {
    "eager": (
        "",
        SMALL
        + """
[[cells]]
dataset = ["omniglot"]
ways = [3]
shots = [1]
learner = ["maml", "fomaml", "maml++", "meta-sgd", "imaml", "reptile", "protonet"]
backbone = ["vgg"]
inner_optimizer = ["sgd"]
[[cells]]
dataset = ["omniglot"]
ways = [3]
shots = [1]
learner = ["maml++"]
backbone = ["vgg"]
inner_optimizer = ["adam"]
[[cells]]
dataset = ["omniglot"]
ways = [3]
shots = [1]
learner = ["anil"]
backbone = ["vgg"]
inner_optimizer = ["rmsprop"]
[[cells]]
dataset = ["omniglot"]
ways = [3]
shots = [1]
learner = ["finetune"]
backbone = ["densenet-8"]
inner_optimizer = ["sgd"]
[backbones.vgg]
filters = 4
""",
    ),
    "traced": (
        "threads=1,program=traced,tasks_at_once=1,workers=1,replicas=2",
        SMALL
        + """
[grid]
dataset = ["omniglot"]
ways = [3]
shots = [2]
learner = ["maml++"]
backbone = ["vgg"]
inner_optimizer = ["sgd"]
seed = [0, 1]
[backbones.vgg]
filters = 4
[learners."maml++"]
msl_epochs = 1
""",
    ),
}
"""Name -> plan and grid file. Without a plan so small a cell runs as it is written, with the threads that there are."""

IMAGES = 18  # query images in the test of each cell above: six tasks of three ways with one query each


def ids_of_presets() -> dict[str, str]:
    """Hash of the ids of all cells of each preset, in order."""
    return {path.stem: _hash("\n".join(cell.id for cell in expand(read(path.stem)))) for path in PRESETS}


def computed(data: Path, out: Path) -> dict[str, dict[str, Any]]:
    """Runs GRIDS; what each cell's folder holds, by the cell's id."""
    found = {}
    for name, (plan, grid) in GRIDS.items():
        file = out / f"{name}.toml"
        file.write_text(grid)
        if plan:
            assert main(["run", str(file), "--out", str(out / name), "--data-dir", str(data), "--plan", plan]) == 0
        else:
            run_grid(file, out / name, data_dir=data, device="cpu")  # draws no figures
        for folder in sorted((out / name / "cells").iterdir()):
            learned = pd.read_parquet(folder / "hyperparameters.parquet")
            found[folder.name] = {
                "config.toml": (folder / "config.toml").read_text(),
                "result.json": json.loads((folder / "result.json").read_text()),
                "metrics": [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()],
                "learned": [len(learned), float(learned["value"].sum())],
                "files": sorted(path.name for path in folder.iterdir()),
            }
    return found


def machine() -> str:
    """What the last bits of float32 results depend on: version of torch, and the processor with its caches."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return ""
    keys = ("vendor_id", "cpu family", "model", "stepping", "cache size", "flags")
    kept = [line for line in lines if line.split("\t")[0] in keys]
    return _hash("\n".join([str(torch.__version__), *kept]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def near(value: Any) -> Any:
    """The same content, with floats that may differ as another processor rounds them."""
    if isinstance(value, dict):
        return {key: _near_number(key, one) if isinstance(one, float) else near(one) for key, one in value.items()}
    if isinstance(value, list):
        return [near(one) for one in value]
    return pytest.approx(value, rel=1e-3) if isinstance(value, float) else value


def _near_number(key: str, value: float) -> Any:
    if "accuracy" in key or "ci95" in key:  # an image on the edge between two classes may fall to the other side
        return pytest.approx(value, abs=2 / IMAGES)
    return pytest.approx(value, rel=1e-2, abs=1e-4)


def test_cells_of_presets_have_the_ids_that_they_had():
    recorded, found = json.loads(RECORDED.read_text())["presets"], ids_of_presets()
    assert {name: found.get(name) for name in recorded} == recorded  # presets that came later are not pinned


def test_cells_have_the_configurations_and_results_that_they_had(pattern_data, tmp_path, no_figures):
    recorded = json.loads(RECORDED.read_text())
    found = computed(pattern_data, tmp_path)
    assert list(found) == list(recorded["cells"])
    for name, cell in recorded["cells"].items():
        assert found[name] == (cell if machine() == recorded["machine"] else near(cell)), name


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        (place / "data").mkdir()
        write_patterns(place / "data")
        content = {"machine": machine(), "presets": ids_of_presets(), "cells": computed(place / "data", place)}
    RECORDED.write_text(json.dumps(content, indent=1) + "\n")
