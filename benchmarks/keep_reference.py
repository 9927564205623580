"""Copies what is small of a results folder, to be committed: what its tables and figures are made of.

    uv run benchmarks/keep_reference.py results/gimli-omniglot-cpu results/reference/gimli-omniglot-cpu

Of each finished cell: configuration, status, result, accuracies by task, learned hyperparameters and what `sensitivity`
found, with results.csv and the figures of those that were trained. Of each that is under way: besides, its last
checkpoint and the validated epochs that the test averages, in resume/, at most 4 MB a cell. Such a cell goes on to the
same result.json after `cp -r results/reference/NAME/resume results/NAME` and the command that began it; the metrics of
the meta-steps before that are lost. What was kept of a cell under way is removed once the cell is finished.
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_bytes
from fewshot_bench.report.collect import write_results_csv
from fewshot_bench.report.plots import plot
from fewshot_bench.report.reading import Cell, read_cells

KEPT = (
    "config.toml", "status.json", "result.json", "episodes.parquet", "hyperparameters.parquet",
    "sensitivity.csv", "sensitivity.json",
)  # fmt: skip
MOST = 4_000_000
"""Bytes of a cell that is under way."""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder that `run` wrote to")
    parser.add_argument("kept", type=Path, help="results/reference/NAME")
    options = parser.parse_args(words)
    try:
        for line in keep(options.source, options.kept):
            print(line)
    except BenchError as fault:
        print(fault)
        return 1
    return 0


def keep(source: Path, kept: Path) -> list[str]:
    """A sentence for each cell. Raises BenchError for a folder without cells and for a cell under way that is too large
    to be kept, which leaves everything as it was.
    """
    cells = read_cells(source)
    under_way = [cell for cell in cells if cell.status != "done" and any(_training(cell))]
    for cell in under_way:
        _check_small(cell)
    said = []
    for cell in cells:
        left = kept / "resume" / "cells" / cell.name
        if cell.status == "done":
            _copy(cell.folder, _small(cell), kept / "cells" / cell.name)
            shutil.rmtree(left, ignore_errors=True)
            said.append(f"{cell.name}: finished.")
        elif cell in under_way:
            shutil.rmtree(left, ignore_errors=True)  # a checkpoint's name holds its hash: older ones would stay
            _copy(cell.folder, [*_small(cell), *_to_go_on(cell)], left)
            said.append(f"{cell.name}: kept to go on from {cell.iterations:,} meta-steps.")
        else:
            said.append(f"{cell.name}: {cell.status}, nothing to keep.")
    _without_emptied(kept / "resume")
    if (kept / "cells").is_dir():
        write_results_csv(kept)
        _figures(source, kept, {cell.name for cell in cells if cell.status == "done"})
    return said


def _training(cell: Cell) -> list[Path]:
    return sorted((cell.folder / "checkpoints").glob("step-*.safetensors"))


def _to_go_on(cell: Cell) -> list[Path]:
    """The last checkpoint of training and those of epochs."""
    return [_training(cell)[-1], *sorted((cell.folder / "checkpoints").glob("epoch-*.safetensors"))]


def _small(cell: Cell) -> list[Path]:
    return [path for name in KEPT if (path := cell.folder / name).is_file()]


def _check_small(cell: Cell) -> None:
    size = sum(path.stat().st_size for path in (*_small(cell), *_to_go_on(cell)))
    if size > MOST:
        raise BenchError(
            f"{cell.name} is under way and takes {size / 1e6:.1f} MB, more than the {MOST / 1e6:.0f} that may be "
            "committed. Let it finish, or move it away."
        )


def _copy(folder: Path, files: Iterable[Path], to: Path) -> None:
    for path in files:
        write_bytes(to / path.relative_to(folder), path.read_bytes())


def _without_emptied(resume: Path) -> None:
    if not any(resume.glob("cells/*")):
        shutil.rmtree(resume, ignore_errors=True)


def _figures(source: Path, kept: Path, finished: set[str]) -> None:
    """Those of finished cells; the PDFs, which show nothing else, are left."""
    for drawn in plot(source):
        for path in drawn.files:
            if path.suffix != ".pdf" and any(path.name.startswith(f"{name}-") for name in finished):
                write_bytes(kept / "figures" / path.name, path.read_bytes())


if __name__ == "__main__":
    raise SystemExit(main())
