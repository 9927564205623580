"""A Dataset of (image, label), and lists of such pairs."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.importing.items import image_of, scanned_items
from tests.own_images import classes, complaint, imported, picture, write

PICTURES = [picture(100 * klass + number) for klass in range(10) for number in range(3)]


class Birds(Dataset):
    classes = tuple(f"class{number:02d}" for number in range(10))

    def __len__(self):
        return len(PICTURES)

    def __getitem__(self, index):
        return PICTURES[index], index // 3


def chw(image):
    return np.asarray(image).transpose(2, 0, 1).copy()


FORMS = {
    "a Dataset": Birds(),
    "a Subset with texts": Subset(
        [(image, f"class{number // 3:02d}") for number, image in enumerate(PICTURES)], range(30)
    ),
    "arrays": [(np.asarray(image), f"class{number // 3:02d}") for number, image in enumerate(PICTURES)],
    "tensors": [(torch.tensor(chw(image)), f"class{number // 3:02d}") for number, image in enumerate(PICTURES)],
    "floats": [(torch.tensor(chw(image)) / 255, f"class{number // 3:02d}") for number, image in enumerate(PICTURES)],
}


@pytest.mark.parametrize("form", FORMS)
def test_items_become_the_pixels_of_the_same_files(form, tmp_path):
    _, expected, _ = imported(write(tmp_path, classes(10)))
    plan, pixels, manifest = imported(FORMS[form])
    assert plan.classes == Birds.classes and np.array_equal(pixels, expected)
    assert manifest["source"]["path"] == "the dataset"


def test_labels_without_names_are_numbers():
    items = TensorDataset(torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8), torch.arange(40) // 4)
    plan, _, _ = imported(items)
    assert plan.classes == tuple(str(number) for number in range(10))


def test_gray_arrays_and_channels_first_or_last():
    gray = np.arange(80, dtype=np.uint8).reshape(8, 10)
    for form in (gray, gray[None], gray[..., None]):
        assert np.array_equal(np.asarray(image_of(form)), gray)


BAD = {
    "normalised": (torch.randn(3, 8, 8), "it is an array of float32 [3, 8, 8]. Give [height, width]"),
    "a batch": (torch.zeros(2, 3, 8, 8), "it is an array of float32 [2, 3, 8, 8]"),
    "nothing": (None, "it is a NoneType; give a PIL image, an array or a tensor"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_item_that_is_no_image_is_named(case):
    value, why = BAD[case]
    items = [(value if number == 7 else image, number // 3) for number, image in enumerate(PICTURES)]
    assert f"1 unreadable image: '07' ({why}" in complaint(items)


def test_items_that_are_equal_are_faults():
    assert "1 duplicate within a class: '00' = '30'" in complaint([*FORMS["arrays"], FORMS["arrays"][0]])


class Stream(IterableDataset):
    def __iter__(self):
        return iter(())


class Failing(Birds):
    def __getitem__(self, index):
        if index == 3:
            raise OSError("broken file")
        return super().__getitem__(index)


def test_paths_are_read(tmp_path):
    files = sorted(write(tmp_path, classes(10)).rglob("*.png"))
    _, pixels, _ = imported([(str(file), file.parent.name) for file in files])
    assert np.array_equal(pixels, imported(tmp_path)[1])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (Stream(), "a Stream has no length"),
        ([], "the list is empty"),
        ([PICTURES[0]], "item 0 is a Image and no pair"),
        ([{"image": PICTURES[0], "label": 0}], "item 0 is a dict and no pair"),
        (Failing(), "item 3 of the Failing cannot be read: OSError: broken file. Mend it"),
        ([(PICTURES[0], [1, 2])], r"the label of item 0 is \[1, 2\]\. Give an integer or a text"),
        ([(PICTURES[0], 0.5)], r"the label of item 0 is 0\.5"),
    ],
)
def test_what_is_no_dataset_of_pairs(items, message):
    with pytest.raises(DataError, match=message):
        scanned_items(items)
