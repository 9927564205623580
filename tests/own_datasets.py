"""Datasets as a user writes them: one that is right, and others with one fault each, named by import path."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.raw_images import raw_images
from fewshot_bench.data.splits import ClassSplit, SplitSizes, make_split

NAMES = [f"bird {number:02d}" for number in range(12)]
PARTS = {"train": NAMES[:6], "val": NAMES[6:9], "test": NAMES[9:]}
IMAGES = 5


def birds(*, size: int = 8, images: int = IMAGES) -> Dataset:
    """Twelve kinds of bird, each a pattern with noise on it.

    Args:
        size: Height and width, in pixels.
        images: Images of each kind.
    """
    shape = ImageShape(3, size, size)
    return Dataset(
        name="birds",
        shape=shape,
        splits={"mine": make_split("mine", PARTS)},
        find_raw=partial(_find, images=images, shape=shape),
        mean=(0.5,),
        std=(0.25,),
    )


def _find(place: Path, images: int, shape: ImageShape) -> Raw:
    classes = {name: [(kind, number) for number in range(images)] for kind, name in enumerate(NAMES)}
    return raw_images(classes, partial(draw, shape=shape), place, "drawn")


def draw(which: tuple[int, int], shape: ImageShape) -> NDArray[np.uint8]:
    """A pattern of the kind, and noise of the number."""
    kind, number = which
    pattern = np.random.default_rng(kind).integers(0, 200, (shape.channels, 4, 4))
    large = np.kron(pattern, np.ones((shape.height // 4, shape.width // 4)))
    return (large + np.random.default_rng((kind, number)).integers(0, 50, shape)).astype(np.uint8)


def ragged() -> Dataset:
    """Birds, but of the third kind there are two images and of the last three."""
    classes: dict[str, Any] = {name: [(kind, number) for number in range(IMAGES)] for kind, name in enumerate(NAMES)}
    classes[NAMES[2]], classes[NAMES[-1]] = classes[NAMES[2]][:2], classes[NAMES[-1]][:3]
    draws = partial(draw, shape=birds().shape)
    return birds()._replace(find_raw=lambda place: raw_images(classes, draws, place))


def raises() -> Dataset:
    raise RuntimeError("the server of birds is down")


def nothing() -> None:
    pass


def without_splits() -> Dataset:
    return birds()._replace(splits={})


def no_split() -> Dataset:
    return birds()._replace(splits={"mine": PARTS})  # type: ignore[dict-item]


def overlapping() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", PARTS | {"test": NAMES[8:]})})


def overlapping_by_hand() -> Dataset:
    parts = [tuple(NAMES[:6]), tuple(NAMES[5:9]), tuple(NAMES[9:])]
    return birds()._replace(splits={"mine": ClassSplit("mine", *parts, hash="")})


def hash_of_others() -> Dataset:
    right = birds().splits["mine"]
    assert isinstance(right, ClassSplit)
    return birds()._replace(splits={"mine": right._replace(hash="0" * 64)})


def without_val() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", {"train": NAMES[:6], "test": NAMES[6:]})})


def absent_classes() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", PARTS | {"test": [*NAMES[9:], "dodo", "auk"]})})


def unlisted_split() -> Dataset:
    return birds()._replace(splits={"mine": SplitSizes(6, 3, 3)})


def other_shape() -> Dataset:
    return birds()._replace(shape=ImageShape(3, 10, 10))


def no_shape() -> Dataset:
    return birds()._replace(shape=(3, 8))  # type: ignore[arg-type]


def two_means() -> Dataset:
    return birds()._replace(mean=(0.5, 0.5))


def zero_std() -> Dataset:
    return birds()._replace(std=(0.25, 0.0, 0.25))


def nan_mean() -> Dataset:
    return birds()._replace(mean=(float("nan"),))


def wrong_examples() -> Dataset:
    return birds()._replace(examples=6)


def half_examples() -> Dataset:
    return birds()._replace(examples=2.5)  # type: ignore[arg-type]


def turned() -> Dataset:
    return birds()._replace(shape=ImageShape(3, 8, 12), rotations=True)


def wide() -> Dataset:
    """Birds that are wider than high."""
    shape = ImageShape(3, 8, 12)
    return birds()._replace(shape=shape, find_raw=partial(_find, images=IMAGES, shape=shape))


def folder_in_variant() -> Dataset:
    return birds()._replace(variant="../up")


def no_function() -> Dataset:
    return birds()._replace(find_raw=Path("birds"))  # type: ignore[arg-type]


def finds_none() -> Dataset:
    return birds()._replace(find_raw=lambda place: None, layouts="a folder birds/")


def find_raises() -> Dataset:
    return birds()._replace(find_raw=lambda place: {}[place])  # type: ignore[misc]


def finds_a_path() -> Dataset:
    return birds()._replace(find_raw=lambda place: place)  # type: ignore[arg-type, return-value]


def prepare_raises() -> Dataset:
    return birds()._replace(find_raw=lambda place: Raw("drawn", place, lambda folder, progress: 1 / 0))  # type: ignore[arg-type, return-value]


def prepares_nothing() -> Dataset:
    return birds()._replace(find_raw=lambda place: Raw("drawn", place, lambda folder, progress: None))  # type: ignore[arg-type, return-value]


def made_of(decode: Any) -> Dataset:
    classes = {name: [0, 1] if name == NAMES[3] else [1, 1] for name in NAMES}
    return birds()._replace(find_raw=lambda place: raw_images(classes, decode, place))


def decode_raises() -> Dataset:
    return made_of(lambda one: np.zeros(birds().shape, np.uint8) if one else 1 / 0)


def of_floats() -> Dataset:
    return made_of(lambda one: np.zeros(birds().shape))


def of_two_sizes() -> Dataset:
    return made_of(lambda one: np.zeros((3, 8, 8) if one else (3, 9, 8), np.uint8))


def empty_class() -> Dataset:
    return birds()._replace(find_raw=lambda place: raw_images({"a": [1], "b": []}, np.asarray, place))


def no_class() -> Dataset:
    return birds()._replace(find_raw=lambda place: raw_images({}, np.asarray, place))
