"""Images by class of the datasets of torch, learn2learn and torchmeta, from which a pool is made."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError


class ClassImages(NamedTuple):
    """The images of one class. size: their number. read(): yields them in the dataset's own form."""

    size: int
    read: Callable[[], Iterator[Any]]


Classes = dict[str, ClassImages]
"""Class name -> its images. `joined` merges several datasets, such as train, val and test parts."""

Name = Callable[[Any], str]


def class_name(label: Any) -> str:
    """The class name for a label. Integers are zero-padded, so that names sort as numbers do.

    Args:
        label: A string, an integer (of Python or numpy; True is 1), or an array or tensor of one integer. A torchmeta
            label is a pair of such a label and None, or an augmentation that makes a class of its own.

    Raises:
        DataError: For any other label. A float such as 0.5 is no class, and rounding would change it.
    """
    if isinstance(label, tuple) and len(label) == 2:
        base, augmentation = label
        return class_name(base) if augmentation is None else f"{class_name(base)} {augmentation}"
    if isinstance(label, str):
        return str(label)
    number = _integer(label)
    if number is None:
        raise DataError(
            f"a label is {_short(label)}, neither a string nor an integer. Convert the labels, or pass name=, a "
            "function from a label to the name of its class."
        )
    return f"{number:05d}"


def from_dataset(dataset: Any, labels: Iterable[Any] | None = None, name: Name = class_name) -> Classes:
    """The classes of a torch dataset of (image, label) pairs. All learn2learn datasets are such, wrapped or not.

    Args:
        dataset: The dataset.
        labels: The labels of all items in order, if known (many datasets have `targets`). Without them every image is
            read once more for its label.
        name: The name of a class, as a function of a label.

    Raises:
        DataError: If the dataset has no length or other items, if the number of `labels` is wrong, or if `name` refuses
            a label.
    """
    try:
        length = len(dataset)
    except TypeError as error:
        raise DataError(f"{type(dataset).__name__} has no length; a pool is made of datasets that have one.") from error
    if isinstance(labels, Mapping):
        raise DataError("labels= is a dict; give the labels of all items as a list, in the order of the items.")
    known = [_label(dataset, index) for index in range(length)] if labels is None else list(labels)
    if len(known) != length:
        raise DataError(
            f"`labels`: {counted(len(known), 'label')} for the {counted(length, 'item')} of {type(dataset).__name__}."
        )
    if name is class_name and len({isinstance(label, str) for label in known}) > 1:
        raise DataError(
            f"some labels of {type(dataset).__name__} are strings, others are not. Make them all of one type."
        )
    where: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(known):
        where[name(label)].append(index)
    return {key: ClassImages(len(indices), partial(_images, dataset, indices)) for key, indices in where.items()}


def from_torchmeta(dataset: Any, name: Name = class_name) -> Classes:
    """The classes of a torchmeta CombinationMetaDataset (its Omniglot, MiniImagenet, ...) or ClassDataset.

    Args:
        dataset: The dataset. As in torchmeta, a class augmentation makes classes of its own.
        name: The name of a class, as a function of a label.

    Raises:
        DataError: If a class is empty, or if two have the same name.
    """
    source = getattr(dataset, "dataset", dataset)  # a CombinationMetaDataset makes tasks of the ClassDataset it holds
    classes: Classes = {}
    for index in range(len(source)):
        images = source[index]
        if len(images) == 0:
            raise DataError(f"class {index} of {type(source).__name__} is empty.")
        key = name(images[0][1])
        if key in classes:
            raise DataError(f"two classes of {type(source).__name__} are called {key!r}. Give them other names.")
        classes[key] = ClassImages(len(images), partial(_images_of_class, source, index))
    return classes


def joined(*parts: Classes) -> Classes:
    """The classes of several datasets, such as train, val and test parts.

    Raises DataError if two datasets have a class of the same name, as parts whose labels all count from 0.
    """
    together: Classes = {}
    for part in parts:
        same = sorted(together.keys() & part.keys())
        if same:
            raise DataError(
                f"in two datasets by the same name: {counted(len(same), 'class')} ({same[0]!r}, ...). Rename them, "
                'as by from_dataset(..., name=lambda label: f"val-{class_name(label)}").'
            )
        together |= part
    return together


def _integer(label: Any) -> int | None:
    """The label as an integer, if it is one or an array or tensor of one; None otherwise."""
    if isinstance(label, int | np.integer | np.bool_):
        return int(label)
    if not hasattr(label, "__array__"):
        return None
    array = np.asarray(label.cpu() if hasattr(label, "cpu") else label)
    return int(array.item()) if array.size == 1 and array.dtype.kind in "iub" else None


def _short(label: Any) -> str:
    text = " ".join(repr(label).split())
    return text if len(text) <= 60 else f"{text[:60]}..."


def _label(dataset: Any, index: int) -> Any:
    item = dataset[index]
    if isinstance(item, tuple | list) and len(item) >= 2:
        return item[1]
    keys = f" with the keys {', '.join(map(repr, item))}" if isinstance(item, Mapping) else ""
    raise DataError(
        f"item {index} of {type(dataset).__name__} is a {type(item).__name__}{keys}, not a pair (image, label). Give a "
        "dataset of such pairs."
    )


def _images(dataset: Any, indices: Iterable[int]) -> Iterator[Any]:
    return (dataset[index][0] for index in indices)


def _images_of_class(source: Any, index: int) -> Iterator[Any]:
    images = source[index]
    return _images(images, range(len(images)))
