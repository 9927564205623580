"""What the folders of cells take on disk: nearly all of it is checkpoints and a line for each meta-step."""

from collections.abc import Iterable

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.names import find
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import DATASETS

A_STEP = 120  # bytes of a line of metrics.jsonl (maml++); other learners log a little more
WHOLE = 6  # times the weights that the last two checkpoints hold: with Adam's two moments; an epoch's holds them once
LITTLE = 100_000  # bytes of the other files


def bytes_of(cells: Iterable[Cell]) -> int:
    """About what these cells will take, in bytes. Builds each network once; float32."""
    weights: dict[tuple, int] = {}
    total = 0
    for cell in cells:
        key = (cell.backbone, cell.backbone_options, cell.dataset, cell.ways)
        if key not in weights:
            make = find("backbone", cell.backbone, BACKBONES)
            network = make(DATASETS[cell.dataset].shape, cell.ways, **dict(cell.backbone_options))
            weights[key] = 4 * sum(tensor.numel() for tensor in network.parameters())
        kept = WHOLE + cell.evaluation.ensemble if cell.training.iterations else 1
        total += kept * weights[key] + A_STEP * cell.training.iterations + LITTLE
    return total
