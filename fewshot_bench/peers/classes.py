"""The datasets of torch, learn2learn and torchmeta as what a pool is made of: images by class."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError


class OfClass(NamedTuple):
    """The images of one class. size: how many; read(): one after another, as the dataset gives them."""

    size: int
    read: Callable[[], Iterator[Any]]


Classes = dict[str, OfClass]
"""Class name -> its images. `joined` puts datasets together, such as one's train, val and test parts."""

Name = Callable[[Any], str]


def class_name(label: Any) -> str:
    """The class name for a label: integers are zero-padded, so that names sort as numbers do.

    label: a string, an integer (of Python or numpy; True is 1), or an array or tensor of one integer. torchmeta labels
    are pairs of such a name and an augmentation that makes a class of its own, or None.
    Raises DataError for any other label: a float such as 0.5 is no class, and rounding would change it.
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
    """The classes of a torch dataset of (image, label), which all of learn2learn's are (wrapped or not).

    labels: of all its items in their order, where they are known (many datasets have `targets`); saves reading every
    image once more to see its label. name: of a class, by label.
    Raises DataError for a dataset without a length or of other items than (image, label), where `labels` are not as
    many as it has items, and for labels that `name` does not take.
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
    return {key: OfClass(len(indices), partial(_images, dataset, indices)) for key, indices in where.items()}


def from_torchmeta(dataset: Any, name: Name = class_name) -> Classes:
    """The classes of a torchmeta CombinationMetaDataset (its Omniglot, MiniImagenet, ...) or ClassDataset.

    A class augmentation makes classes of its own, as it does there. name: of a class, by label.
    Raises DataError where a class is empty, or two have the same name.
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
        classes[key] = OfClass(len(images), partial(_images_of_class, source, index))
    return classes


def joined(*parts: Classes) -> Classes:
    """The classes of several datasets, such as one's train, val and test parts.

    Raises DataError if two have a class of the same name: parts that each count from 0 have different classes.
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
