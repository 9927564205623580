"""Copies what is small of a results folder, to be committed: what its tables and figures are made of.

    uv run benchmarks/keep_reference.py results/NAME results/reference/NAME [--checkpoints]

Of each finished cell: configuration, status, result, accuracies by task, learned hyperparameters and what
`sensitivity` found, with results.csv and the figures of those that were trained. With --checkpoints also the
checkpoints that load_cell and sensitivity need: the last one, and those of the epochs that the test averages.

Of each cell that is under way, and stands still: its last checkpoint, the validated epochs that the test may average,
and learned hyperparameters, in resume/, at most 4 MB a cell. It goes on to the same result.json from there:

    mkdir -p results/NAME && cp -r results/reference/NAME/cells results/reference/NAME/resume/cells results/NAME/

(without the folder that is not there) and the command that began it. Its metrics and validation accuracies by task
before that are lost. What was kept of a cell under way is removed once the cell is finished.
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_bytes
from fewshot_bench.basics.lease import OthersError, lease
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.plots import plot
from fewshot_bench.report.results_csv import write_results_csv

KEPT = (
    "config.toml", "status.json", "result.json", "episodes.parquet", "hyperparameters.parquet",
    "sensitivity.csv", "sensitivity.json",
)  # fmt: skip
KEPT_UNDER_WAY = ("config.toml", "status.json", "hyperparameters.parquet")
MOST = 4_000_000
"""Bytes of a cell that is under way."""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder that `run` wrote to")
    parser.add_argument("kept", type=Path, help="results/reference/NAME")
    parser.add_argument("--checkpoints", action="store_true", help="keep finished cells loadable")
    options = parser.parse_args(words)
    try:
        for line in keep(options.source, options.kept, options.checkpoints):
            print(line)
    except BenchError as fault:
        print(fault)
        return 1
    return 0


def keep(source: Path, kept: Path, checkpoints: bool = False) -> list[str]:
    """Returns a sentence for each cell. Raises BenchError for a folder without cells, or that takes no file."""
    cells = read_cells(source)
    said = [f"{cell.name}: {_keep(cell, kept, checkpoints)}." for cell in cells]
    if not any((kept / "resume").glob("cells/*")):
        shutil.rmtree(kept / "resume", ignore_errors=True)
    if (kept / "cells").is_dir():
        write_results_csv(kept)
        _figures(source, kept, {cell.name for cell in cells if cell.status == "done"})
    return said


def _keep(cell: CellFolder, kept: Path, checkpoints: bool) -> str:
    left = kept / "resume" / "cells" / cell.name
    if cell.status == "done":
        for name, content in _read(cell, [*KEPT, *(_loadable(cell) if checkpoints else ())]).items():
            write_bytes(kept / "cells" / cell.name / name, content)
        shutil.rmtree(left, ignore_errors=True)
        return "finished"
    try:
        with lease(cell.folder, lambda line: None):
            left_off = _checkpoints(cell.folder)
            files = _read(cell, [*KEPT_UNDER_WAY, *left_off])
    except OthersError as fault:
        return f"left out, since {fault}; stop it first"
    size = sum(map(len, files.values()))
    if not left_off:
        return f"{cell.status}, nothing to keep"
    if size > MOST:
        return f"left out, since it takes {size / 1e6:.1f} MB, more than the {MOST / 1e6:.0f} that may be committed"
    shutil.rmtree(left, ignore_errors=True)  # a checkpoint's name holds its hash: older ones would stay
    for name, content in files.items():
        write_bytes(left / name, content)
    return f"kept to go on from meta-step {int(left_off[0].split('-')[1]):,}"


def _loadable(cell: CellFolder) -> list[str]:
    """The last checkpoint of training, and those of the epochs that the test averages."""
    steps = sorted(cell.folder.glob("checkpoints/step-*.safetensors"))[-1:]
    epochs = [
        path
        for number in cell.result["ensemble_epochs"]
        for path in cell.folder.glob(f"checkpoints/epoch-{number:08d}-*")
    ]
    return [f"checkpoints/{path.name}" for path in (*steps, *epochs)]


def _checkpoints(folder: Path) -> list[str]:
    """The last of training, and those of epochs; none where training has none yet."""
    steps, epochs = (sorted(folder.glob(f"checkpoints/{kind}-*.safetensors")) for kind in ("step", "epoch"))
    return [f"checkpoints/{path.name}" for path in (*steps[-1:], *epochs)] if steps else []


def _read(cell: CellFolder, names: Iterable[str]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name in names if (path := cell.folder / name).is_file()}


def _figures(source: Path, kept: Path, finished: set[str]) -> None:
    """Those of finished cells; the PDFs, which show nothing else, are left."""
    for drawn in plot(source):
        for path in drawn.files:
            if path.suffix != ".pdf" and any(path.name.startswith(f"{name}-") for name in finished):
                write_bytes(kept / "figures" / path.name, path.read_bytes())


if __name__ == "__main__":
    raise SystemExit(main())
