"""Adapt a trained cell to your own labelled images, and classify others with it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.preparing import Images, Prepared, prepare_images
from fewshot_bench.api.tasks import ImageRow, png, sheet
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, CellError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.dataset import Dataset, Strokes
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.data.walking import subfolders
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.learners.base import BatchNorm
from fewshot_bench.training.plan import as_planned
from fewshot_bench.training.tasks import normaliser


@dataclass(frozen=True, repr=False)
class Adapted:
    """A trained cell and the support set that it adapts to. A notebook shows the support set as a picture.

    Each call of `predict` adapts again, from the same meta-parameters to the same support set.

    Attributes:
        trained: The loaded cell.
        support: Class name -> prepared support images.
        strokes: How drawn characters are told from their background; see `prepare_images`.
    """

    trained: TrainedCell
    support: Mapping[str, Prepared]
    strokes: Strokes

    @property
    def done(self) -> pd.Series:
        """The preparation of each support image in words, indexed by class and image name."""
        places = [(label, name) for label, prepared in self.support.items() for name in prepared.names]
        done = [text for prepared in self.support.values() for text in prepared.done]
        return pd.Series(done, index=pd.MultiIndex.from_tuples(places), name="done")

    def predict(self, images: Images, *, batch_norm: BatchNorm | None = None) -> pd.DataFrame:
        """Class probabilities of images, from the mean logits of the epochs that the cell's test averages.

        Args:
            images: One or several images, in any form that `prepare_images` takes.
            batch_norm: "transductive": the images are normalised by each other, so a prediction depends on which
                images are passed together. A single image, or many of one class, is then unlike the cell's test.
                "inductive": each image is normalised by the support set and itself alone. None: as in training.

        Returns:
            A table with one row per image and one column per class.

        Raises:
            CellError: If a logit is not finite.
            BenchError: If something is not an image, or `batch_norm` is unknown.

        Examples:
            >>> task = sample_task(open_pool("glyphs"), ways=3, shots=1, queries=4)
            >>> adapted = adapt(cell, task.support)
            >>> adapted.predict([images[0] for images in task.query.values()]).shape
            (3, 3)
        """
        if batch_norm is not None and batch_norm not in get_args(BatchNorm):
            raise BenchError(unknown("value of batch_norm", batch_norm, get_args(BatchNorm)))
        asked = prepare_images(images, dataset_of(self.trained.cell), strokes=self.strokes)
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
        """The support images as the network sees them, one row per class."""
        return sheet(["support"], [ImageRow(str(label), [prepared.pixels]) for label, prepared in self.support.items()])

    def _repr_png_(self) -> bytes:
        return png(self.picture())

    def __repr__(self) -> str:
        shots = ", ".join(f"{label} ({len(prepared.pixels)})" for label, prepared in self.support.items())
        return f"{self.trained.cell.learner} adapted to {shots}"

    def _task(self, queries: NDArray[np.uint8]) -> Task:
        counts = [len(prepared.pixels) for prepared in self.support.values()]
        support = np.concatenate([prepared.pixels for prepared in self.support.values()])
        labels = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
        unused = torch.zeros(len(queries), dtype=torch.int64)  # labels of queries are not used
        device = self.trained.plan.device
        scaled = normaliser(dataset_of(self.trained.cell), device)

        def images(pixels: NDArray[np.uint8]) -> Tensor:
            return scaled(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))

        return Task(
            Batch(images(support), labels.to(device)),
            Batch(images(queries), unused.to(device)),
            torch.arange(len(counts), device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )


Support = Mapping[str, Images] | str | os.PathLike[str]
"""Class name -> images, or a folder with one subfolder of images per class."""


def adapt(trained: TrainedCell, support: Support, *, strokes: Strokes = "auto") -> Adapted:
    """Adapt a loaded cell to labelled images.

    Args:
        trained: A cell from `load_cell`.
        support: Class name -> images, or a folder with one subfolder of images per class. The number of classes is
            the cell's ways; the number of images may differ between classes. Images are prepared by
            `prepare_images`; the images of a sampled task are used unchanged.
        strokes: What is ink in drawn characters; see `prepare_images`.

    Returns:
        The adapted learner; its `predict` classifies other images.

    Raises:
        BenchError: If the number of classes is not the cell's ways, or if something is not an image.

    Examples:
        >>> task = sample_task(open_pool("glyphs"), ways=3, shots=1, queries=4)
        >>> adapted = adapt(cell, task.support)
        >>> list(adapted.support) == list(task.support)
        True
    """
    cell, support = trained.cell, _by_class(support)
    if len(support) != cell.ways:
        raise BenchError(f"{counted(len(support), 'class')}, but {cell.id} was trained to tell {cell.ways} apart.")
    known = dataset_of(cell)
    if known.loss != "cross-entropy":
        raise BenchError(f"{cell.id} learned regression on {cell.dataset}; adapt is for classes of images.")
    return Adapted(trained, {name: _prepared(name, support[name], known, strokes) for name in support}, strokes)


def _by_class(support: Support) -> Mapping[str, Images]:
    if isinstance(support, str | os.PathLike):
        folders = subfolders(Path(support))
        if not folders:
            raise BenchError(
                f"{os.fspath(support)} holds no class folders. Give a folder with one of images for each class."
            )
        return {folder.name: folder for folder in folders}
    if not isinstance(support, Mapping):
        what = type(support).__name__
        raise BenchError(
            f"the support set is of type {what}. Give a dict, class name -> images, or a folder of class folders."
        )
    unnamed = next((label for label in support if not isinstance(label, str | int | np.integer)), None)
    if unnamed is not None:
        raise BenchError(f"a class is called {unnamed!r}. Name classes by strings or integers.")
    return support


def _prepared(label: str, images: Images, dataset: Dataset, strokes: Strokes) -> Prepared:
    try:
        return prepare_images(images, dataset, strokes=strokes)
    except BenchError as error:
        raise BenchError(f"class {label}: {error}") from error
