"""The failed cells of a folder, once more: as they are, and with changes."""

import json

import pytest

from fewshot_bench.cli.main import main
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import presets, read
from fewshot_bench.grid.retrying import as_grid
from tests.tiny import tiny_toml

SOMETIMES = """
from pathlib import Path
import torch

class Net(torch.nn.Module):
    "As long as a file is there, the norm of a zero vector has no derivative: the meta-gradient is not finite."

    def __init__(self, ways, width):
        super().__init__()
        self.first, self.last = torch.nn.Linear(784, width), torch.nn.Linear(width, ways)
        self.zero = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        more = self.zero.norm() if Path("bad").exists() else self.zero.sum()
        return self.last(self.first(x.flatten(1))) + more * torch.arange(3)

def net(image, ways, *, width: int = 8):
    return Net(ways, width)
"""


@pytest.fixture
def failed(pattern_data, tmp_path, monkeypatch, no_figures):
    """A folder with a cell that is done and one that failed, by a module that is mended by then."""
    monkeypatch.chdir(tmp_path)
    grid = tmp_path / "grid.toml"
    grid.write_text(tiny_toml(grid={"backbone": ["vgg", "sometimes:net"]}))
    (tmp_path / "sometimes.py").write_text(SOMETIMES)
    (tmp_path / "bad").touch()
    out = tmp_path / "out"
    assert main(["run", str(grid), "--out", str(out), "--data-dir", str(pattern_data)]) == 1
    (tmp_path / "bad").unlink()
    return out


def states(out):
    return {path.parent.name: json.loads(path.read_text()) for path in out.glob("cells/*/status.json")}


def test_what_failed_is_run_again_and_nothing_else(failed, pattern_data, capsys):
    before = {name: said for name, said in states(failed).items() if said["status"] == "done"}
    assert sorted(said["status"] for said in states(failed).values()) == ["done", "failed"]
    assert main(["retry", str(failed), "--data-dir", str(pattern_data)]) == 0
    after = states(failed)
    assert {said["status"] for said in after.values()} == {"done"}
    assert all(after[name] == said for name, said in before.items())
    assert main(["retry", str(failed), "--data-dir", str(pattern_data)]) == 0
    assert "No cell" in capsys.readouterr().err


def test_with_changes_another_cell_stands_for_it(failed, pattern_data, capsys):
    (old,) = (name for name, said in states(failed).items() if said["status"] == "failed")
    words = ["retry", str(failed), "--data-dir", str(pattern_data), "--set", "training.tasks_per_batch=1"]
    assert main([*words, 'backbones."sometimes:net".width=4']) == 0
    after = states(failed)
    (new,) = (name for name in after if name not in (old,) and "sometimes" in name)
    assert after[new]["status"] == "done"
    assert after[old]["status"] == "skipped"
    assert after[old]["reason"].startswith(f"retried as {new}: training.tasks_per_batch=1")
    assert main(["status", str(failed)]) == 0
    grid = str(failed.parent / "grid.toml")
    capsys.readouterr()
    assert main(["run", grid, "--out", str(failed), "--data-dir", str(pattern_data)]) == 0
    assert f"{old} is passed over: retried as {new}" in capsys.readouterr().err
    assert states(failed)[old]["status"] == "skipped"


@pytest.mark.parametrize(
    ("change", "says"),
    [("training.tasks=1", "nothing reads the key 'tasks'"), ("grid.backbone=vg", "did you mean 'vgg'")],
)
def test_a_change_that_cannot_be_is_a_sentence_and_nothing_is_marked(failed, pattern_data, capsys, change, says):
    before = states(failed)
    assert main(["retry", str(failed), "--data-dir", str(pattern_data), "--set", change]) == 2
    assert says in capsys.readouterr().err
    assert states(failed) == before


def test_a_folder_without_cells_is_a_sentence(tmp_path, capsys):
    assert main(["retry", str(tmp_path)]) == 2
    assert "holds no cells" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_cell_as_a_grid_is_that_cell(name):
    for cell in expand(read(name))[:6]:
        assert expand(as_grid(cell)) == [cell]
