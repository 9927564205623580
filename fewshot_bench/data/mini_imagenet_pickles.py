"""mini-ImageNet as three pickles, one a part: {"image_data": uint8 [n, 84, 84, 3], "class_dict": label -> indices}."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.pool import Progress
from fewshot_bench.data.unpickling import Pickles, load, text_of

LARGEST = 1 << 31  # bytes of a pickle: the images of all parts together are 1.27 GB


def fill_from_pickles(
    array: NDArray[np.uint8], rows: Mapping[str, int], examples: int, pickles: Pickles, where: Path, progress: Progress
) -> dict[str, Any]:
    """Copy the images of the pickles into `array` [n, 3, 84, 84], in their order within a class.

    rows: class name -> the row of its first image. examples: images of each class. where: the place of the pickles, for
    messages. One pickle is in memory at a time.
    Raises DataError if images are missing, or if one is of two classes.
    """
    shape = array.shape[1:]
    seen: set[str] = set()
    with closing(pickles):
        for file, content in pickles:
            images, classes = _content(file, content, (shape[1], shape[2], shape[0]))
            for name, indices in classes.items():
                if name not in rows or name in seen:
                    what = f"class {name} does not belong here or is there twice"
                    raise DataError(f"{file}: {what}. Get the original file.")
                if len(indices) != examples or not all(0 <= i < len(images) for i in indices):
                    raise DataError(
                        f"{file}: class {name} does not have {counted(examples, 'image')} (indices: {len(indices)})."
                    )
                for column, index in enumerate(indices):
                    array[rows[name] + column] = images[index].transpose(2, 0, 1)
                seen.add(name)
                progress("copying classes", len(seen), len(rows))
            del images  # before the next pickle is read: two at once would be the whole dataset
    missing = sorted(set(rows) - seen)
    if missing:
        raise DataError(f"{where}: {counted(len(missing), 'class')} missing: {missing[0]}, ... Get complete files.")
    return {"resize": {"by the maker of the pickles": len(array)}}


def _content(name: str, file: IO[bytes], shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], dict[str, list[int]]]:
    """(images, class name -> indices) of one pickle. Keys are bytes if Python 2 wrote it."""
    content = load(name, file)
    keys = {text_of(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    images, classes = keys.get("image_data"), keys.get("class_dict")
    if not isinstance(images, np.ndarray) or not isinstance(classes, dict):
        raise DataError(f"{name} holds no image_data and class_dict: it is another pickle. Get the original.")
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise DataError(f"{name} holds {images.dtype} {images.shape}, not uint8 [n, {shape[0]}, {shape[1]}, 3].")
    indices = {text_of(key): _indices(name, text_of(key), value) for key, value in classes.items()}
    twice = [index for index, times in Counter(chain.from_iterable(indices.values())).items() if times > 1]
    if twice:
        raise DataError(f"{name}: image {twice[0]} has two places in class_dict. Get the original file.")
    return images, indices


def _indices(name: str, label: str, value: Any) -> list[int]:
    """The indices of a class. Raises DataError if one is no integer."""
    listed = list(value) if isinstance(value, list | tuple | set | np.ndarray) else [value]
    if not all(isinstance(index, int | np.integer) and not isinstance(index, bool) for index in listed):
        raise DataError(f"{name}: class {label} has indices that are no integers. Get the original file.")
    return [int(index) for index in listed]
