"""The datasets of torch, learn2learn and torchmeta as what a pool is made of: images by class."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import DataError


class OfClass(NamedTuple):
    """The images of one class. size: how many; read(): one after another, as the dataset gives them."""

    size: int
    read: Callable[[], Iterator[Any]]


Classes = dict[str, OfClass]
"""Class name -> its images. `|` joins what has different classes, such as a dataset's train, val and test parts."""

Name = Callable[[Any], str]


def class_name(label: Any) -> str:
    """A label as the name of a class: numbers get zeros in front, so that names sort as numbers do.

    torchmeta's labels are pairs of a name and an augmentation that makes a class of its own, or None.
    """
    if isinstance(label, tuple) and len(label) == 2:
        base, augmentation = label
        return class_name(base) if augmentation is None else f"{class_name(base)} {augmentation}"
    if isinstance(label, str):
        return label
    try:
        return f"{int(label):05d}"
    except (TypeError, ValueError) as error:
        raise DataError(f"a label is {label!r}, neither a name nor a number. Say how to name it.") from error


def from_dataset(dataset: Any, labels: Iterable[Any] | None = None, name: Name = class_name) -> Classes:
    """The classes of a torch dataset of (image, label), which all of learn2learn's are (wrapped or not).

    labels: of all its items in their order, where they are known (many datasets have `targets`); saves reading every
    image once more to see its label. name: of a class, by label.
    Raises DataError for a dataset without a length, and where `labels` are not as many as it has items.
    """
    try:
        length = len(dataset)
    except TypeError as error:
        raise DataError(f"{type(dataset).__name__} has no length; a pool is made of datasets that have one.") from error
    known = [dataset[index][1] for index in range(length)] if labels is None else list(labels)
    if len(known) != length:
        raise DataError(f"{len(known)} labels were given for the {length} items of {type(dataset).__name__}.")
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


def _images(dataset: Any, indices: Iterable[int]) -> Iterator[Any]:
    return (dataset[index][0] for index in indices)


def _images_of_class(source: Any, index: int) -> Iterator[Any]:
    images = source[index]
    return _images(images, range(len(images)))
