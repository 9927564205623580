"""mini-ImageNet as three pickles, one a part: {"image_data": uint8 [n, 84, 84, 3], "class_dict": label -> indices}."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.progress import Progress
from fewshot_bench.data.unpickling import load


def fill_from_pickles(
    array: NDArray[np.uint8], rows: Mapping[str, int], files: Sequence[Path], progress: Progress
) -> dict[str, Any]:
    """Copies the images of the pickles into `array` [classes, examples, 3, 84, 84]; a class keeps their order.

    rows: class name -> its row. One pickle is in memory at a time. Raises DataError where images are missing.
    """
    examples, shape = array.shape[1], array.shape[2:]
    seen: set[str] = set()
    for file in files:
        images, classes = _content(file, (shape[1], shape[2], shape[0]))
        for name, indices in classes.items():
            if name not in rows or name in seen:
                raise DataError(f"{file}: class {name} does not belong here or is there twice. Get the original file.")
            if len(indices) != examples or not all(0 <= i < len(images) for i in indices):
                raise DataError(f"{file}: class {name} does not have {examples} images ({len(indices)} indices).")
            for column, index in enumerate(indices):
                array[rows[name], column] = images[index].transpose(2, 0, 1)
            seen.add(name)
            progress("copying classes", len(seen), len(rows))
        del images  # before the next pickle is read: two at once would be the whole dataset
    missing = sorted(set(rows) - seen)
    if missing:
        raise DataError(f"{files[0].parent}: {len(missing)} classes are missing: {missing[0]}, ... Get complete files.")
    return {"resize": {"by the maker of the pickles": int(array.shape[0] * examples)}}


def _content(file: Path, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], dict[str, list[int]]]:
    """(images, class name -> indices) of one pickle. Keys are bytes where Python 2 wrote it."""
    content = load(file)
    keys = {_text(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    images, classes = keys.get("image_data"), keys.get("class_dict")
    if not isinstance(images, np.ndarray) or not isinstance(classes, dict):
        raise DataError(f"{file} holds no image_data and class_dict: it is another pickle. Get the original.")
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise DataError(f"{file} holds {images.dtype} {images.shape}, not uint8 [n, {shape[0]}, {shape[1]}, 3].")
    return images, {_text(name): [int(i) for i in indices] for name, indices in classes.items()}


def _text(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)
