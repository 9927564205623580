"""A trained learner adapts to images of one's own, and says what others show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fewshot_bench.basics.errors import BenchError, CellError
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.learners.base import BatchNorm
from fewshot_bench.library.loading import TrainedCell
from fewshot_bench.library.pictures import Row, png, sheet
from fewshot_bench.library.preparing import Images, Prepared, Strokes, prepare_images
from fewshot_bench.training.driving import as_planned
from fewshot_bench.training.gathering import normaliser


@dataclass(frozen=True, repr=False)
class Adapted:
    """A learner and what it adapts to, by class; a notebook shows the images as the network sees them.

    Nothing is kept of an adaptation: a learner's logits are a function of support set and queries, so it adapts anew,
    to the same weights, each time it is asked.
    """

    trained: TrainedCell
    support: Mapping[str, Prepared]
    strokes: Strokes

    @property
    def done(self) -> pd.Series:
        """What was done to each support image, by class and name."""
        rows = {
            (label, name): text
            for label, prepared in self.support.items()
            for name, text in zip(prepared.names, prepared.done, strict=True)
        }
        return pd.Series(rows, name="done")

    def predict(self, images: Images, *, batch_norm: BatchNorm | None = None) -> pd.DataFrame:
        """Probabilities: a row an image, a column a class; of an ensemble's mean logits, as in the cell's test.

        batch_norm: "transductive", these images normalise each other, so what is asked together counts (and one image
        alone, or many of one class, is not what the network was judged by); "inductive", each by the support set and
        itself alone; absent: as the learner was trained. Raises CellError where a logit is not finite.
        """
        asked = prepare_images(images, self.trained.cell.dataset, strokes=self.strokes)
        trained = self.trained
        with as_planned(trained.plan):
            task = self._task(asked.pixels)
            mode = batch_norm or trained.learner.traits.batch_norm
            logits = torch.stack(
                [
                    trained.learner.predict(trained.parts, meta, trained.stage, task, mode).detach()
                    for meta in trained.members
                ]
            ).mean(0)
        if not bool(logits.isfinite().all()):
            raise CellError("logits are not finite: adaptation to these images diverges.")
        table = logits.double().softmax(-1).cpu().numpy()
        return pd.DataFrame(table, index=pd.Index(asked.names, name="image"), columns=list(self.support))

    def picture(self) -> Image.Image:
        """The support images as the network sees them, a line a class."""
        return sheet(["support"], [Row(label, [prepared.pixels]) for label, prepared in self.support.items()])

    def _repr_png_(self) -> bytes:
        return png(self.picture())

    def __repr__(self) -> str:
        shots = ", ".join(f"{label} ({len(prepared.pixels)})" for label, prepared in self.support.items())
        return f"{self.trained.cell.learner} adapted to {shots}"

    def _task(self, queries: NDArray[np.uint8]) -> Task:
        counts = [len(prepared.pixels) for prepared in self.support.values()]
        support = np.concatenate([prepared.pixels for prepared in self.support.values()])
        labels = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
        nothing = torch.zeros(len(queries), dtype=torch.int64)  # labels of queries are not looked at
        device = self.trained.plan.device
        scaled = normaliser(DATASETS[self.trained.cell.dataset], device)

        def images(pixels: NDArray[np.uint8]) -> Tensor:
            return scaled(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))

        return Task(
            Batch(images(support), labels.to(device)),
            Batch(images(queries), nothing.to(device)),
            torch.arange(len(counts), device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )


def adapt(trained: TrainedCell, support: Mapping[str, Images], *, strokes: Strokes = "auto") -> Adapted:
    """The loaded cell's learner, adapted to images by class name; their numbers may differ by class.

    Images are prepared as `prepare_images` says; those of a sampled task go as they are: adapt(cell, task.support).
    Raises BenchError where there are not as many classes as the cell has ways.
    """
    cell = trained.cell
    if len(support) != cell.ways:
        raise BenchError(f"{len(support)} classes, but {cell.id} was trained to tell {cell.ways} apart.")
    prepared = {name: prepare_images(images, cell.dataset, strokes=strokes) for name, images in support.items()}
    return Adapted(trained, prepared, strokes)
