"""What a dataset is: the value that says how its images are found, read, divided into classes, and used.

A dataset is a function of options that returns a `Dataset`. Grids name it by its name in `data.datasets.DATASETS`, or
by the import path of the function.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cells.cell import Options
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.splits import PARTS, ClassSplit, SplitSizes, make_split
from fewshot_bench.data.tasks import TaskShape

Strokes = Literal["auto", "dark", "light"]
"""What is ink in drawn characters. "auto": dark if the edge of the image is light, and the reverse."""

Prepare = Callable[[str, Image.Image, Strokes], tuple[NDArray[np.uint8], str]]
"""(name, image, strokes) -> the image as the dataset has its own, uint8 [c, h, w]; and what was done, in words."""


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of colour photographs, after division by 255, as in torchvision's models and the MAML++ loader."""


Loss = Literal["cross-entropy", "squared-error"]
"""What the outputs of a network are measured by: classification, or regression."""


class DrawnTasks(NamedTuple):
    """Tasks that are drawn and not stored, on a leading axis; of each, support first.

    x: float32 [tasks, shots + queries, channels, height, width], as the network takes it. y: float32 [tasks, shots +
    queries, ways].
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]


DrawTasks = Callable[[str, NDArray[np.int64], TaskShape], DrawnTasks]
"""(key of the stream, indices of tasks, shape) -> these tasks: a pure function."""


class Download(NamedTuple):
    """A published file: its address, its name on disk, and the MD5 of its bytes."""

    url: str
    file: str
    md5: str


class Dataset(NamedTuple):
    """All that is known of a dataset before any file is opened. The first four fields are required.

    Attributes:
        name: Its name in a grid; for a function named by import path, that path. Tasks depend on it.
        shape: Channels, height and width of its images, in pixels.
        splits: Name -> class split; the first is the default. A split may be known by its sizes alone if the pool's
            manifest lists its classes.
        find_raw: The raw data at a path, None if there is none. It may raise DataError for incomplete data.
        layouts: The layouts of raw data that `find_raw` recognises, in words.
        examples: Images of every class. None: classes differ, and the pool says how many each has.
        mean: What is subtracted from each channel after division by 255 (one number: from all channels) ...
        std: ... and what each channel is divided by then.
        rotations: Whether the published protocol turns each class of a TRAINING task by a random k * 90 degrees.
            Only square images can be turned.
        title: Its name in print; "": `name`.
        folders: Subfolders of the data folder in which raw files are looked for, besides the data folder itself.
        downloads: The files that `data get` downloads.
        not_offered: Why there is no download, and what to do instead, in sentences.
        drawn: Whether its images are drawn and not read, so that every data folder has the same pool.
        prepare: How a user's image becomes one like the dataset's. None: as a photograph, resized to `shape`.
        known_pools: Hash of a pool whose source was checked -> that source, in words.
        duplicates: Groups of equal images, each as `class/example`, that the published files are known to have. None:
            nobody has looked, so those that a pool turns out to have are tolerated, and named in every fingerprint.
        variant: Tells pools of one dataset apart that differ by options, such as "128"; "": the usual one. For a
            function named by import path, "" means that each set of options has its own pool.
        edition: Raised if a release makes another pool of the same raw data; older pools are then made anew.
        draw_tasks: Draws tasks of a dataset that stores none. It has no pool, and `ways` is the number of outputs.
        loss: What the outputs of a network are measured by.
        options: Those that its function was called with, for a function named by import path. Filled in by the package.
        pool_hash: Which import a cell of an imported folder was made for; "": any pool.
    """

    name: str
    shape: ImageShape
    splits: Mapping[str, ClassSplit | SplitSizes]
    find_raw: Callable[[Path], Raw | None]
    layouts: str = "those of its function"
    examples: int | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    rotations: bool = False
    title: str = ""
    folders: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    not_offered: str = ""
    drawn: bool = False
    prepare: Prepare | None = None
    known_pools: Mapping[str, str] = {}
    duplicates: Sequence[Sequence[str]] | None = ()
    variant: str = ""
    edition: int = 1
    draw_tasks: DrawTasks | None = None
    loss: Loss = "cross-entropy"
    options: Options = ()
    pool_hash: str = ""

    @property
    def pool_name(self) -> str:
        """The name of the folder of its pool."""
        name = self.name.replace(":", "-").replace("/", "-")
        return f"{name}-{self.variant}" if self.variant else name

    @property
    def classes(self) -> int:
        """The number of classes that its first split divides."""
        return sum(self.sizes(next(iter(self.splits))))

    def sizes(self, split: str) -> SplitSizes:
        """The number of classes in each part of a split."""
        found = self.splits[split]
        if isinstance(found, SplitSizes):
            return found
        return SplitSizes(len(found.train), len(found.val), len(found.test))


def check_size(name: str, size: int, largest: int = 1024) -> None:
    """Raises BenchError if the option `size` of a dataset is out of range."""
    if not 8 <= size <= largest:
        raise BenchError(f"`size` of {name} is {size}, but has to be from 8 to {largest} pixels a side.")


def check_dataset(known: Dataset) -> None:
    """Raises BenchError with all faults of a dataset's values. No file is read; data.own checks the images."""
    faults = [*_faults_of_images(known), *_faults_of_splits(known.splits)]
    if not callable(known.find_raw):
        faults.append(f"`find_raw` is a {type(known.find_raw).__name__}, but has to be a function of a path.")
    if not re.fullmatch(r"[\w.=-]*", str(known.variant)):
        faults.append(f"`variant` is {known.variant!r}, but is part of a folder's name: use letters, digits and -.=_")
    if not _whole(known.edition, 1):
        faults.append(f"`edition` is {known.edition!r}, but has to be a whole number, at least 1.")
    if faults:
        raise BenchError(f"dataset {known.name!r}: {' '.join(faults)}")


def _faults_of_images(known: Dataset) -> Iterable[str]:
    if not (isinstance(known.shape, tuple) and len(known.shape) == 3 and all(_whole(side, 1) for side in known.shape)):
        yield f"`shape` is {known.shape!r}, but has to be an ImageShape of channels, height and width, each at least 1."
        return
    channels, height, width = known.shape
    for name, low in (("mean", False), ("std", True)):
        values = getattr(known, name)
        if not isinstance(values, tuple | list) or len(values) not in (1, channels):
            yield f"`{name}` is {values!r}, but its images have {counted(channels, 'channel')}: give a number for each."
        elif not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            yield f"`{name}` is {values!r}, but has to hold finite numbers."
        elif low and min(values) <= 0:
            yield f"`std` is {values!r}, but pixels are divided by it: every number has to be above 0."
    if known.examples is not None and not _whole(known.examples, 1):
        yield f"`examples` is {known.examples!r}, but has to be a whole number of images, or None if classes differ."
    if known.rotations and height != width:
        yield f"`rotations` is true, but only square images can be turned, and its images are {height} x {width}."


def _faults_of_splits(splits: object) -> Iterable[str]:
    if not isinstance(splits, Mapping) or not splits:
        yield "it has no class split: `splits` needs at least one, such as {'mine': make_split('mine', ...)}."
        return
    for name, split in splits.items():
        if not isinstance(split, ClassSplit | SplitSizes):
            yield f"split {name!r} is a {type(split).__name__}; make it by data.splits.make_split."
        elif isinstance(split, ClassSplit):
            try:
                made = make_split(split.name, {part: split.part(part) for part in PARTS})
            except BenchError as error:
                yield str(error)
            else:
                if made.hash != split.hash:
                    yield f"split {name!r} has the hash of other classes; make it by data.splits.make_split."


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
