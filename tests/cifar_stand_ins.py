"""Stand-ins for CIFAR-100: all 100 classes, a few images each, in the layouts that people have."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.data.splits import all_classes
from tests import fake_data as fake

SUPERCLASSES = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
"""Superclass -> its five classes, as the page of CIFAR-100 lists them."""

SUPERCLASS_OF = {name: superclass for superclass, names in SUPERCLASSES.items() for name in names.split()}
CLASSES = all_classes("cifar-fs", "bertinetto")
TRAIN, TEST = 2, 1
"""Images of each class in each of the two files; 500 and 100 in the original."""

Parts = Mapping[str, tuple[NDArray[np.uint8], list[int]]]
"""train, test -> (images [n, 3, 32, 32], label of each)."""


def parts() -> dict[str, tuple[NDArray[np.uint8], list[int]]]:
    """Random images in a random order, as in the original files."""
    random = np.random.default_rng(0)
    made = {}
    for part, each in (("train", TRAIN), ("test", TEST)):
        labels = random.permutation(np.repeat(np.arange(100), each)).tolist()
        made[part] = (random.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8), labels)
    return made


def of_class(given: Parts, name: str) -> list[bytes]:
    """The pixels of the images of a class, in no order."""
    label = CLASSES.index(name)
    return [
        image.tobytes()
        for images, labels in given.values()
        for image, at in zip(images, labels, strict=True)
        if at == label
    ]


def pickled(given: Parts) -> dict[str, bytes]:
    """The files of cifar-100-python, which Python 2 wrote."""
    files = {
        part: fake.python_2_pickle({"data": images.reshape(len(labels), -1), "fine_labels": labels})
        for part, (images, labels) in given.items()
    }
    names = {"fine_label_names": list(CLASSES), "coarse_label_names": sorted(SUPERCLASSES)}
    return files | {"meta": fake.python_2_pickle(names)}


def records(given: Parts) -> dict[str, bytes]:
    """The files of cifar-100-binary."""
    superclasses = sorted(SUPERCLASSES)
    files = {}
    for part, (images, labels) in given.items():
        coarse = [superclasses.index(SUPERCLASS_OF[CLASSES[label]]) for label in labels]
        heads = np.array([coarse, labels], np.uint8).T
        files[f"{part}.bin"] = np.hstack([heads, images.reshape(len(labels), -1)]).tobytes()
    return files | {
        "fine_label_names.txt": "\n".join(CLASSES).encode() + b"\n\n",
        "coarse_label_names.txt": "\n".join(superclasses).encode(),
    }


def pngs(given: Parts) -> dict[str, bytes]:
    """`train/apple/17.png` -> PNG."""
    return {
        f"{part}/{CLASSES[label]}/{row}.png": _png(images[row])
        for part, (images, labels) in given.items()
        for row, label in enumerate(labels)
    }


def _png(image: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(out, "PNG")
    return out.getvalue()
